/**
 * The live page's entry.
 *
 * @module
 */
const heading = document.createElement("h1");
heading.textContent = "Tidegate";
document.body.append(heading);
