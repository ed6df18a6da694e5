/**
 * Tries to set up a state lane beside the session's WebSocket, and tries again when it is lost. The session goes on
 * whether or not that succeeds.
 *
 * @module
 */
import type { SignallingMessage } from "../protocol/control.ts";
import type { RawLane } from "../protocol/state_lane.ts";
import { backoffMs } from "./backoff.ts";
import type { Environment } from "./environment.ts";
import {
  bytesOf,
  type DataChannelLike,
  type IceServers,
  type PeerConnectionLike,
  rawLane,
} from "./rtc_types.ts";

/** Label of the data channel that carries the state lane. */
const STATE_LABEL = "state";

/** Deadline from the offer to an open lane, in milliseconds: longer than the gateway's, which says why. */
const OPEN_WITHIN_MS = 25_000;

/** A lane on which nothing was heard for so long is dead, in milliseconds: the gateway answers or probes every few seconds. */
const SILENT_AFTER_MS = 10_000;

/** How long the gateway may take to close the lane of a session that is over, in milliseconds. */
const FAREWELL_MS = 1_000;

/** Waits between attempts, in milliseconds. */
const BACKOFF = { minMs: 2_000, maxMs: 300_000 };

/** Attempts that are counted against a gateway that rejects offers: it has no WebRTC, or too many peers. */
const REJECTED = 5;

/** Candidates of the gateway's that may come before its answer. */
const MAX_EARLY_CANDIDATES = 64;

/** Longest reason that is passed on, in characters. */
const MAX_REASON = 1_000;

/** What the user of a lane is told. */
export interface LaneListener {
  /** A message; `bytes` belongs to the receiver. */
  message(bytes: Uint8Array): void;
  /** The lane is over. */
  closed(cause: string): void;
}

/** What the dialer needs of its session. */
export interface LaneDialerOwner {
  send(message: SignallingMessage): void;
  opened(lane: RawLane): LaneListener;
  /** The path of an open lane seems to be gone, and why. */
  doubtful(cause: string): void;
  /** There is no lane now, and why. */
  failed(cause: string): void;
}

interface Attempt {
  connection: PeerConnectionLike;
  channel: DataChannelLike;
  /** What comes before an answer; undefined while none is awaited. */
  early: SignallingMessage[] | undefined;
  listener: LaneListener | undefined;
  heardUs: number;
}

/** Sets up one lane at a time. */
export class LaneDialer {
  readonly #env: Environment;
  readonly #owner: LaneDialerOwner;
  #iceServers: IceServers | undefined;
  #attempt: Attempt | undefined;
  #failures = 0;
  #stopTimer: () => void = () => {};

  constructor(env: Environment, owner: LaneDialerOwner) {
    this.#env = env;
    this.#owner = owner;
  }

  /** The session is open: the first attempt begins, where the runtime has WebRTC at all. */
  start(iceServers: IceServers): void {
    this.stop("the session began anew");
    this.#iceServers = iceServers;
    this.#failures = 0;
    this.#begin();
  }

  /** The session is not open any more. */
  stop(cause: string): void {
    this.#iceServers = undefined;
    this.#stopTimer();
    const attempt = this.#leave(cause);
    if (attempt?.listener) closeBehindGateway(attempt, this.#env);
    else attempt?.connection.close();
  }

  /** The machine has another network: looks for another path, or cuts the wait before the next attempt short. */
  retryNow(): void {
    if (this.#attempt) return this.#restart(this.#attempt);
    if (!this.#iceServers) return;
    this.#failures = 0;
    this.#begin();
  }

  /** A signalling message of the gateway's. */
  message(message: SignallingMessage): void {
    const attempt = this.#attempt;
    switch (message.type) {
      case "offer":
        return this.#owner.send({ type: "reject", reason: "the client makes the offers" });
      case "reject":
        this.#failures = Math.max(this.#failures, REJECTED);
        return this.#fail(`the gateway said: ${message.reason}`);
      case "answer":
        if (attempt?.early) void this.#answered(attempt, message.sdp);
        return;
      case "candidate":
        if (attempt?.early) {
          if (attempt.early.length < MAX_EARLY_CANDIDATES) attempt.early.push(message);
        } else if (attempt) void this.#candidate(attempt, message.candidate);
        return;
      default:
        message satisfies never;
    }
  }

  #begin(): void {
    const { RTCPeerConnection: PeerConnection } = this.#env;
    if (!PeerConnection || !this.#iceServers) return;
    this.#stopTimer();
    try {
      const connection = new PeerConnection({ iceServers: this.#iceServers });
      const channel = connection.createDataChannel(STATE_LABEL, { ordered: false });
      const attempt: Attempt = { connection, channel, early: [], listener: undefined, heardUs: 0 };
      this.#attempt = attempt;
      this.#listen(attempt);
      void this.#offer(attempt);
    } catch (error) {
      return this.#fail(`no peer connection: ${messageOf(error)}`);
    }
    this.#stopTimer = this.#env.timer(
      () => this.#fail(`no path was found within ${OPEN_WITHIN_MS / 1_000} s`),
      OPEN_WITHIN_MS,
    );
  }

  #listen(attempt: Attempt): void {
    const { connection, channel } = attempt;
    const mine = () => this.#attempt === attempt;
    channel.binaryType = "arraybuffer";
    channel.onopen = () => mine() && this.#opened(attempt);
    channel.onclose = () => mine() && this.#fail("the data channel was closed");
    channel.onerror = () => {};
    channel.onmessage = ({ data }: { data: unknown }) => {
      const bytes = bytesOf(data);
      if (!mine() || !attempt.listener || !bytes) return;
      attempt.heardUs = this.#env.nowUs();
      attempt.listener.message(bytes);
    };
    connection.onicecandidate = ({ candidate }: { candidate: unknown }) => {
      if (mine()) this.#owner.send({ type: "candidate", candidate: candidate ?? null });
    };
    connection.onconnectionstatechange = () => {
      if (mine() && connection.connectionState === "failed") this.#fail("no path, or the path is gone");
      if (mine() && connection.connectionState === "disconnected") this.#disconnected(attempt);
    };
  }

  #disconnected(attempt: Attempt): void {
    if (attempt.listener) this.#owner.doubtful("ICE is disconnected");
    if (this.#attempt === attempt) this.#restart(attempt);
  }

  /** Restarts ICE on an open lane, which stays: samples take the other way until it carries again. */
  #restart(attempt: Attempt): void {
    if (!attempt.listener || attempt.early) return;
    attempt.early = [];
    void this.#offer(attempt, { iceRestart: true });
  }

  /** The offer goes out before candidates can come up, so that the gateway knows what they belong to. */
  async #offer(attempt: Attempt, options?: { iceRestart: boolean }): Promise<void> {
    try {
      const { sdp = "" } = await attempt.connection.createOffer(options);
      if (this.#attempt !== attempt) return;
      this.#owner.send({ type: "offer", sdp });
      await attempt.connection.setLocalDescription({ type: "offer", sdp });
    } catch (error) {
      if (this.#attempt === attempt) this.#fail(`no offer could be made: ${messageOf(error)}`);
    }
  }

  async #answered(attempt: Attempt, sdp: string): Promise<void> {
    try {
      await attempt.connection.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      if (this.#attempt === attempt) this.#fail(`the answer cannot be used: ${messageOf(error)}`);
      return;
    }
    const early = attempt.early ?? [];
    attempt.early = undefined;
    for (const message of early) {
      if (message.type === "candidate") await this.#candidate(attempt, message.candidate);
    }
  }

  async #candidate(attempt: Attempt, value: unknown): Promise<void> {
    const candidate = typeof value === "string" ? { candidate: value, sdpMLineIndex: 0 } : value;
    if (candidate === null || typeof candidate !== "object") return;
    try {
      await attempt.connection.addIceCandidate(candidate as { candidate: string });
    } catch {
      // one that this implementation cannot use leaves the others
    }
  }

  #opened(attempt: Attempt): void {
    const { channel } = attempt;
    attempt.heardUs = this.#env.nowUs();
    attempt.listener = this.#owner.opened(rawLane(channel));
    this.#watch(attempt);
  }

  /** Looks after an open lane until it falls silent. */
  #watch(attempt: Attempt): void {
    if (this.#attempt !== attempt) return;
    const silentMs = (this.#env.nowUs() - attempt.heardUs) / 1_000;
    if (silentMs >= SILENT_AFTER_MS) {
      return this.#fail(`nothing was heard for ${Math.round(silentMs / 1_000)} s`);
    }
    this.#stopTimer();
    this.#stopTimer = this.#env.timer(() => this.#watch(attempt), SILENT_AFTER_MS - silentMs + 1);
  }

  #fail(cause: string): void {
    this.#stopTimer();
    const wasOpen = this.#attempt?.listener !== undefined;
    if (wasOpen) this.#failures = 0;
    this.#leave(cause)?.connection.close();
    if (!this.#iceServers) return;
    this.#failures++;
    const retryInMs = Math.round(backoffMs(BACKOFF, this.#failures, this.#env.random()));
    this.#stopTimer = this.#env.timer(() => this.#begin(), retryInMs);
    // the gateway's operators want to know why, and how long it will last
    this.#owner.send({ type: "reject", reason: cause.slice(0, MAX_REASON), retryInMs });
    this.#owner.failed(`${cause}; next try in ${Math.ceil(retryInMs / 1_000)} s`);
    if (wasOpen) this.#owner.doubtful(cause);
  }

  /** Lets go of the current attempt; its peer connection is the caller's to close. */
  #leave(cause: string): Attempt | undefined {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.listener?.closed(cause);
    return attempt;
  }
}

/**
 * Closes a peer connection as soon as the gateway has, which does so when it hears that the session is over. What goes
 * over UDP overtakes the WebSocket's `bye`: closed from here first, an orderly end would go on record as a lane that
 * broke and a session that fell back.
 */
function closeBehindGateway({ connection, channel }: Attempt, env: Environment): void {
  const close = () => {
    stopTimer();
    channel.onclose = connection.onconnectionstatechange = null;
    connection.close();
  };
  const stopTimer = env.timer(close, FAREWELL_MS);
  channel.onclose = close;
  connection.onconnectionstatechange = () => {
    if (["closed", "disconnected", "failed"].includes(connection.connectionState)) close();
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
