/**
 * The live page: logs in, connects, and draws what arrives.
 *
 * @module
 */
import {
  connectDashboard,
  type Dashboard,
  type Sample,
  type Status,
  type Subscription,
} from "../client/mod.ts";
import { matchesAny } from "../protocol/topics.ts";
import { DeviceSection } from "./device_section.ts";
import { element, insertInOrder } from "./dom.ts";
import { applyFilter, fits } from "./filter.ts";
import { type FrameClock, FrameLoop } from "./frames.ts";
import { type Choices, Header } from "./header.ts";
import { askForToken, loggedIn, logIn, logOut, takeTokenFromAddress } from "./login.ts";
import { type DeviceModel, Model } from "./model.ts";
import { Theme } from "./theme.ts";
import { TopicCard } from "./topic_card.ts";
import type { TopicModel } from "./topic_model.ts";
import { writeBox, type WriteContent } from "./write_box.ts";

/** More samples a second than a chart can show of one topic; the gateway need not send them. */
const MAX_HZ = 20;

/** A window that begins this much before what is there, in milliseconds, is no reason to ask for the past again. */
const PAST_SLACK_MS = 5_000;

/** Program name for the gateway's record of sessions. */
const CLIENT = "tidegate live page";

/** Numbers of the page's own work, for tests and for the curious at the console. */
export interface PageCounts {
  frames: number;
  draws: number;
  overruns: number;
  onScreen: number;
  topics: number;
  received: number;
}

/** The page. */
class LivePage {
  #theme = new Theme();
  #sections = new Map<string, DeviceSection>();
  #cards = new Map<TopicModel, TopicCard>();
  #boxes = new Map<TopicModel, HTMLElement>();
  #content = element("main", { id: "content" });
  #empty = element("p", { class: "hint", hidden: true });
  #model = new Model({
    deviceFound: (device) => this.#addDevice(device),
    topicFound: (device, topic) => this.#addTopic(device, topic),
    topicChanged: (device, topic) => this.#addTopic(device, topic),
  });
  #header = new Header(this.#theme, (choices) => this.#chosen(choices), () => this.#leave());
  #loop = new FrameLoop((frameMs) => this.#clock(frameMs));
  #dashboard: Dashboard | undefined;
  #subscription: Subscription | undefined;
  #pausedAtMs: number | undefined;
  /** Samples since then, milliseconds since 1970, have been asked for. */
  #pastSinceMs = Infinity;
  #lost = 0;
  /** The session, and when it began, milliseconds since 1970: a value from before is not late, but old. */
  #session = { id: "", sinceMs: Infinity };

  constructor() {
    document.body.replaceChildren(this.#header.root, this.#content);
    setInterval(() => this.#summarise(), 1000);
  }

  get counts(): PageCounts {
    return {
      ...this.#loop.counts,
      onScreen: this.#loop.onScreen,
      topics: this.#model.topicCount,
      received: this.#model.received,
    };
  }

  /** Logs in as far as needed, then connects. */
  async open(): Promise<void> {
    const token = takeTokenFromAddress();
    const outcome = token === undefined ? undefined : await logIn(token);
    if (outcome?.ok !== true) {
      const good = await loggedIn();
      if (good === false) await askForToken(this.#content, outcome?.message ?? "");
    }
    this.#connect();
  }

  #connect(): void {
    this.#content.replaceChildren(this.#empty, ...[...this.#sections.values()].map(({ root }) => root));
    this.#dashboard = connectDashboard({ client: CLIENT });
    this.#dashboard.onStatus((status) => this.#statusChanged(status));
    this.#subscription = undefined;
    this.#subscribe();
  }

  /** Asks for as much of the past as the charts show, then for all that comes. */
  #subscribe(): void {
    const { windowMs } = this.#header.choices;
    this.#subscription?.unsubscribe();
    this.#model.forgetSeries();
    this.#pastSinceMs = this.#gatewayMs() - windowMs;
    this.#subscription = this.#dashboard?.subscribe("#", {
      from: { time: -windowMs * 1000 },
      maxHz: MAX_HZ,
      onChannel: (channel) => this.#model.announced(channel),
      onSample: (sample) => this.#sample(sample),
      onGap: ({ from, to }) => void (this.#lost += to - from + 1),
    });
  }

  #sample(sample: Sample): void {
    this.#model.sample(
      {
        topic: sample.topic,
        offset: sample.offset,
        timeUs: sample.timeUs,
        past: sample.recorded || sample.timeUs / 1000 < this.#session.sinceMs,
        bytes: sample.payload,
      },
      this.#gatewayMs(),
      Date.now(),
    );
  }

  /** A connection that cannot be had may mean that the cookie is no longer good, which only asking tells. */
  async #statusChanged(status: Status): Promise<void> {
    if (status.state === "open" && status.session !== this.#session.id) {
      this.#session = { id: status.session, sinceMs: this.#gatewayMs() };
    }
    this.#summarise();
    if (status.state !== "waiting" && status.state !== "closed") return;
    const dashboard = this.#dashboard;
    if (await loggedIn() !== false || dashboard !== this.#dashboard) return;
    this.#dashboard = undefined;
    dashboard?.close("logged out");
    await askForToken(this.#content, "Your login is no longer valid.");
    this.#connect();
  }

  async #leave(): Promise<void> {
    await logOut();
    location.reload();
  }

  #gatewayMs(): number {
    return this.#dashboard ? this.#dashboard.nowUs() / 1000 : Date.now();
  }

  #clock(frameMs: number): FrameClock {
    return {
      frameMs,
      gatewayMs: this.#pausedAtMs ?? this.#gatewayMs(),
      windowMs: this.#header.choices.windowMs,
    };
  }

  #chosen({ paused, filter, windowMs }: Choices): void {
    if (this.#dashboard && this.#gatewayMs() - windowMs < this.#pastSinceMs - PAST_SLACK_MS) {
      this.#subscribe();
    }
    if (paused !== (this.#pausedAtMs !== undefined)) {
      this.#pausedAtMs = paused ? this.#gatewayMs() : undefined;
    }
    const shown = applyFilter(filter, [...this.#sections.values()].map(({ root }) => root));
    this.#hint(shown);
  }

  #hint(shown: number): void {
    this.#empty.hidden = shown > 0;
    this.#empty.textContent = this.#model.topicCount === 0
      ? "No device has sent anything yet. tidegate device add NAME gives one its token; tidegate agent streams this machine."
      : "No topic has these words in its name.";
  }

  #addDevice(device: DeviceModel): void {
    const section = new DeviceSection(device);
    this.#sections.set(device.name, section);
    insertInOrder(this.#content, section.root);
    this.#loop.add(section.head, section);
  }

  #addTopic(device: DeviceModel, topic: TopicModel): void {
    const former = this.#cards.get(topic);
    if (former) {
      this.#loop.remove(former.root);
      former.root.remove();
    }
    const card = new TopicCard(topic, this.#theme, this.#boxFor(topic));
    card.root.hidden = !fits(this.#header.choices.filter, topic.description.topic);
    this.#cards.set(topic, card);
    this.#sections.get(device.name)!.add(card);
    this.#loop.add(card.root, card);
  }

  /** The box outlives its card, or what it told of a write would go when the first value makes a chart of the topic. */
  #boxFor(topic: TopicModel): HTMLElement | undefined {
    if (!topic.description.writable) return undefined;
    const box = this.#boxes.get(topic) ?? this.#newBox(topic);
    if (box) this.#boxes.set(topic, box);
    return box;
  }

  #newBox(topic: TopicModel): HTMLElement | undefined {
    const { topic: name, encoding } = topic.description;
    if (!matchesAny(this.#dashboard?.rights?.write ?? [], name)) return undefined;
    return writeBox(name, encoding, (content) => this.#write(name, content));
  }

  async #write(topic: string, content: WriteContent): Promise<string> {
    if (!this.#dashboard) throw new Error("There is no connection.");
    const value = "bytes" in content ? content.bytes : content.value;
    const result = await this.#dashboard.write(topic, value as Parameters<Dashboard["write"]>[1]);
    if (result.status === "failed") throw new Error(result.message ?? "The device could not do it.");
    if (result.status === "timeout") throw new Error("The device did not answer in time.");
    return result.message ?? (result.status === "done" ? "done" : "accepted");
  }

  #summarise(): void {
    const now = Date.now();
    const quantiles = this.#model.delay.quantiles(0.5, 0.95);
    this.#header.show({
      status: this.#dashboard?.status,
      devices: this.#model.devices.size,
      topics: this.#model.topicCount,
      samplesPerSecond: this.#model.rate.perSecond(now),
      bytesPerSecond: this.#model.byteRate.perSecond(now),
      delay: quantiles && [quantiles[0]!, quantiles[1]!],
      skipped: this.#subscription?.skipped ?? {},
      lost: this.#lost,
    });
    if (this.#header.choices.filter === "") this.#hint(this.#model.topicCount);
  }
}

const page = new LivePage();
Object.defineProperty(globalThis, "tidegatePage", { value: page });
await page.open();
