import { EventEmitter } from "node:events";
import type { RedisClient } from "provider-guard/redis";

/** A client as ioredis' are, whose connection and answers the test decides on. */
export class FakeClient extends EventEmitter implements RedisClient {
  status = "ready";
  readonly options: object = { host: "redis.acme", port: 6380, autoResendUnfulfilledCommands: false };
  readonly sent: string[] = [];
  /** What is answered; `undefined`: nothing, ever. */
  answer: ((command: string) => unknown) | undefined;

  constructor(answer?: (command: string) => unknown) {
    super();
    this.answer = answer;
  }

  call(command: string): Promise<unknown> {
    this.sent.push(command);
    const { answer } = this;
    return answer === undefined ? new Promise(() => {}) : Promise.resolve().then(() => answer(command));
  }

  async connect(): Promise<void> {}

  /** Changes the status and says so. */
  become(status: string): void {
    this.status = status;
    this.emit(status);
  }
}
