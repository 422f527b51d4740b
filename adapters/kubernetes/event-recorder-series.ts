import { LRUCache } from "lru-cache";
import type { Clock } from "../../src/core/clock.ts";

/** The object that an event is about. */
export interface Regarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What happened. */
export interface Report {
  readonly regarding: Regarding;
  readonly reason: string;
  readonly action: string;
  /** At most 1024 bytes. */
  readonly note: string;
}

/** The same thing of the same object, again and again. */
export interface Series<E> {
  readonly report: Report;
  /** How often it was reported. */
  count: number;
  /** Unix milliseconds. */
  lastAt: number;
  /** The event that tells of it, once it is written. */
  written: E | undefined;
  /** Whether it waits to be written. */
  queued: boolean;
}

interface Subject<E> {
  tokens: number;
  filledAt: number;
  readonly series: LRUCache<string, Series<E>>;
}

/** Says of each report whether it may be written now. Its memory is bounded: the object unheard of for longest is forgotten. */
export interface SeriesBook<E> {
  /**
   * @param room - Whether one more can wait to be written.
   * @returns The series to write; `undefined` without room, where its object has had its events of this
   *   minute, or where the series waits already.
   */
  report(report: Report, room: boolean): Series<E> | undefined;
}

const maxObjects = 1_000;
const maxSeries = 16; // of one object
const minuteMs = 60_000;
/** A series that was quiet for so long has ended: a new one begins, as in client-go. */
const seriesMs = 6 * minuteMs;

/** Makes an empty book. @param perMinute - Events of one object, in a minute and at once. */
export function seriesBook<E extends object>(clock: Clock, perMinute: number): SeriesBook<E> {
  const subjects = new LRUCache<string, Subject<E>>({ max: maxObjects });

  function subjectOf({ uid }: Regarding): Subject<E> {
    const now = clock.monotonic();
    const known = subjects.get(uid);
    const subject = known ?? { tokens: perMinute, filledAt: now, series: new LRUCache({ max: maxSeries }) };
    if (known === undefined) subjects.set(uid, subject);
    subject.tokens = Math.min(perMinute, subject.tokens + ((now - subject.filledAt) / minuteMs) * perMinute);
    subject.filledAt = now;
    return subject;
  }

  return {
    report(report, room) {
      const subject = subjectOf(report.regarding);
      const key = `${report.reason}\n${report.action}`;
      const now = clock.now();
      let series = subject.series.get(key);
      if (series === undefined || now - series.lastAt > seriesMs) {
        series = { report, count: 0, lastAt: now, written: undefined, queued: false };
        subject.series.set(key, series);
      }
      series.count++;
      series.lastAt = now;
      if (!room || series.queued || subject.tokens < 1) return undefined;
      subject.tokens--;
      return series;
    },
  };
}
