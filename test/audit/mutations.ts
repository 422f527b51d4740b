import { hashLine, linePrefix } from "../../src/audit/line.ts";
import type { Random } from "../../src/core/clock.ts";

/** A journal's files by name. */
export type Files = ReadonlyMap<string, Buffer>;

/** Changes a journal at random; returns the files as they are afterwards. */
type Mutation = (files: Files, random: Random) => Files;

const below = (random: Random, end: number): number => Math.floor(random() * end);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)] as T;

/** Changes the bytes of one file. */
const inFile =
  (change: (content: Buffer, random: Random) => Buffer): Mutation =>
  (files, random) => {
    const name = pick(random, [...files.keys()]);
    return new Map(files).set(name, change(files.get(name) as Buffer, random));
  };

const linesOf = (content: Buffer): string[] => content.toString("utf8").split("\n").slice(0, -1);
const bytesOf = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(""));

/** Changes the lines of one file. */
const inLines = (change: (lines: string[], random: Random) => string[]): Mutation =>
  inFile((content, random) => bytesOf(change(linesOf(content), random)));

/** Two places in a range, in order. */
function span(random: Random, length: number): [number, number] {
  const [a, b] = [below(random, length + 1), below(random, length + 1)];
  return a < b ? [a, b] : [b, a];
}

/** Every line again with a number and hash that continue the one before: what an intruder would do. */
export function rehash(files: Files): Files {
  let seq = -1;
  let hash = "A".repeat(43);
  const result = new Map<string, Buffer>();
  for (const name of [...files.keys()].sort()) {
    const lines = linesOf(files.get(name) as Buffer).map((line) => {
      const body = line.replace(/^\{"seq":\d+,"prev":"[^"]*",/, "");
      const follows = `"follows":{"segment":${Number.parseInt(name, 10) - 1},"seq":${seq},"hash":"${hash}"}`;
      const text = linePrefix(++seq, hash) + body.replace(/"follows":\{[^}]*\}/, follows);
      const bytes = Buffer.from(`\0${text}`);
      hash = hashLine(bytes, 1, bytes.length);
      return text;
    });
    result.set(name, bytesOf(lines));
  }
  return result;
}

const changeField: Mutation = inLines((lines, random) => {
  const at = below(random, lines.length);
  const line = lines[at] as string;
  const changes: ((text: string) => string)[] = [
    (text) => text.replace(/"at":\d/, '"at":9'),
    (text) => text.replace(/"result":"\w+"/, '"result":"unknown"'),
    (text) => text.replace(/"call":"\w/, '"call":"z'),
    (text) => text.replace(/"type":"\w+"/, `"type":"${pick(random, ["end", "open", "header", "notice", "intent"])}"`),
    (text) => text.replace(/"next":\d+/, `"next":${below(random, 9)}`),
    (text) => text.replace(/"segment":\d+/, `"segment":${below(random, 9)}`),
    (text) =>
      text.replace(/"intents":\[.*\]/, pick(random, ['"intents":[null]', '"intents":7', '"intents":[{"call":"x"}]'])),
    (text) => text.replace(/\}$/, ',"more":1}'),
  ];
  return lines.toSpliced(at, 1, pick(random, changes)(line));
});

const names = (files: Files): string[] => [...files.keys()].sort();
const swapped = (files: Files, a: string, b: string): Files =>
  new Map(files).set(a, files.get(b) as Buffer).set(b, files.get(a) as Buffer);

const mutations: readonly Mutation[] = [
  // bytes
  inFile((content, random) => {
    const copy = Buffer.from(content);
    const at = below(random, copy.length);
    copy[at] = (copy[at] as number) ^ (1 << below(random, 8));
    return copy;
  }),
  inFile((content, random) => {
    const [from, to] = span(random, content.length);
    return Buffer.concat([content.subarray(0, from), content.subarray(to)]);
  }),
  inFile((content, random) => {
    const [from, to] = span(random, content.length);
    const at = below(random, content.length);
    return Buffer.concat([content.subarray(0, at), content.subarray(from, to), content.subarray(at)]);
  }),
  inFile((content, random) => {
    const at = below(random, content.length + 1);
    const noise = Buffer.from(Array.from({ length: 1 + below(random, 40) }, () => below(random, 256)));
    return Buffer.concat([content.subarray(0, at), noise, content.subarray(at)]);
  }),
  inFile((content, random) => content.subarray(0, below(random, content.length))),
  inFile((content, random) => {
    const [from, to] = span(random, content.length);
    return Buffer.from(content).fill(0, from, to);
  }),
  // lines
  inLines((lines, random) => lines.toSpliced(below(random, lines.length), 1)),
  inLines((lines, random) => lines.toSpliced(below(random, lines.length), 0, pick(random, lines))),
  inLines((lines, random) => {
    const [a, b] = [below(random, lines.length), below(random, lines.length)];
    return lines.with(a, lines[b] as string).with(b, lines[a] as string);
  }),
  inLines((lines, random) => lines.slice(0, below(random, lines.length))),
  inLines((lines, random) => lines.slice(1 + below(random, lines.length))),
  inLines((lines, random) =>
    lines.with(below(random, lines.length), pick(random, ["", "null", "{}", "[]", '{"seq":3}'])),
  ),
  changeField,
  // segments
  (files, random) => {
    const copy = new Map(files);
    copy.delete(pick(random, names(files)));
    return copy;
  },
  (files, random) => swapped(files, pick(random, names(files)), pick(random, names(files))),
  (files, random) => new Map(files).set(pick(random, names(files)), files.get(pick(random, names(files))) as Buffer),
  (files, random) => new Map(files).set(pick(random, names(files)), Buffer.alloc(0)),
  (files, random) => {
    const copy = new Map(files);
    const from = pick(random, names(files));
    copy.set(`0000000${1 + below(random, 9)}.jsonl`, files.get(from) as Buffer);
    copy.delete(from);
    return copy;
  },
  (files, random) => {
    const [from, to] = [pick(random, names(files)), pick(random, names(files))];
    const lines = linesOf(files.get(from) as Buffer);
    const [moved] = lines.splice(below(random, lines.length), 1);
    const copy = new Map(files).set(from, bytesOf(lines));
    const target = linesOf(copy.get(to) as Buffer);
    return copy.set(to, bytesOf(target.toSpliced(below(random, target.length + 1), 0, moved as string)));
  },
  // an intruder who knows the format
  (files, random) => rehash(changeField(files, random)),
  (files, random) => rehash(pick(random, mutations.slice(6, 13))(files, random)),
];

/** One to three random mutations. */
export function mutate(files: Files, random: Random): Files {
  let mutated = files;
  for (let left = 1 + below(random, 3) * below(random, 2); left > 0; left--) {
    // What was emptied or removed altogether has nothing left to change.
    if (mutated.size === 0 || [...mutated.values()].some(({ length }) => length === 0)) break;
    mutated = pick(random, mutations)(mutated, random);
  }
  return mutated;
}

/**
 * Whether nothing was changed up to the end of what there was: whole lines that an intruder chained on
 * after the pinned one are a journal that went on, as far as hashes can tell.
 */
export function continues(before: Files, after: Files): boolean {
  const last = [...before.keys()].sort().at(-1);
  return [...before].every(([name, content]) => {
    const now = after.get(name);
    return name === last ? now?.subarray(0, content.length).equals(content) : now?.equals(content);
  });
}

export const same = (a: Files, b: Files): boolean =>
  a.size === b.size && [...a].every(([name, content]) => b.get(name)?.equals(content));
