/** The specification's testable statements, held against what a real broker carried. */
import { eachForm } from "../../support/each_form.ts";
import { play } from "./story.ts";
import { STATEMENTS } from "./statements.ts";

eachForm(({ form, alone }) => {
  // The messages do not depend on how the program is packed, and edge_node_test.ts runs on every form.
  if (form.name !== "Deno, source" && !(Deno.env.get("TIDEGATE_SOAK") && form.name === "Bun, source")) return;

  alone("an edge node keeps the testable statements of Sparkplug 3.0", async (start) => {
    const story = await play(start);
    const broken: string[] = [];
    for (const [id, holds] of Object.entries(STATEMENTS)) {
      try {
        holds(story);
      } catch (error) {
        broken.push(`tck-id-${id}: ${(error as Error).message}`);
      }
    }
    if (broken.length > 0) throw new Error(`${broken.length} broken:\n${broken.join("\n")}`);
    console.log(`${form.name}: ${Object.keys(STATEMENTS).length} statements hold`);
  });
});
