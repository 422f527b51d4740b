/** A place in the queue. */
export interface Ticket<T> {
  readonly lane: string;
  readonly item: T;
}

interface Node<T> extends Ticket<T> {
  /** What it takes from the limit. */
  readonly cost: number;
  /** Lower goes first within its lane. */
  readonly rank: number;
  before: Node<T> | undefined;
  after: Node<T> | undefined;
}

interface Lane<T> {
  readonly name: string;
  readonly weight: number;
  /** Order among lanes whose turns are at the same point: who was served longest ago. */
  number: number;
  /** The point of the round at which its latest item was served. */
  from: number;
  /** The point at which its first item is served: `from`, and the item's share of the round. */
  turn: number;
  index: number;
  head: Node<T> | undefined;
  tail: Node<T> | undefined;
  length: number;
  /** The sum of its items' costs. */
  cost: number;
}

/**
 * A queue of lanes that are served by weight, whoever asks most (self-clocked fair queueing): a lane
 * with a thousand items waiting does not delay another's first. Within a lane the lower rank goes
 * first. Pushing, shifting and removing take logarithmic time in the number of lanes.
 */
export class FairQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #heap: Lane<T>[] = []; // the lane whose turn comes first is at the top
  #size = 0;
  #point = 0;
  #stamp = 0;

  get size(): number {
    return this.#size;
  }

  /** Items waiting in one lane. */
  lengthOf(lane: string): number {
    return this.#lanes.get(lane)?.length ?? 0;
  }

  /** @param rank - Lower goes first within the lane; equal ones in order of arrival. @param weight - The lane's share. */
  push(name: string, item: T, cost = 1, rank = 0, weight = 1): Ticket<T> {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const place = { number: this.#stamp++, from: this.#point, turn: 0, index: this.#heap.length };
      lane = { name, weight, ...place, head: undefined, tail: undefined, length: 0, cost: 0 };
      this.#lanes.set(name, lane);
      this.#heap.push(lane);
    }
    const node: Node<T> = { lane: name, item, cost, rank, before: undefined, after: undefined };
    let before = lane.tail;
    while (before !== undefined && before.rank > rank) before = before.before;
    this.#link(lane, node, before);
    return node;
  }

  /** The item that is next, and what it costs. */
  peek(): { readonly item: T; readonly cost: number } | undefined {
    return this.#heap[0]?.head;
  }

  /** Takes the next item. */
  shift(): T | undefined {
    const lane = this.#heap[0];
    const node = lane?.head;
    if (lane === undefined || node === undefined) return undefined;
    this.#point = lane.turn;
    lane.from = lane.turn;
    lane.number = this.#stamp++;
    this.#unlink(lane, node);
    return node.item;
  }

  /** Leaves the queue. The ticket must not have been served or removed before. */
  remove(ticket: Ticket<T>): void {
    const lane = this.#lanes.get(ticket.lane);
    if (lane !== undefined) this.#unlink(lane, ticket as Node<T>);
  }

  /** What is served before an item that came now, its own cost included. Looks at every lane. */
  costBefore(name: string, cost: number, weight = 1): number {
    const mine = this.#lanes.get(name);
    const own = (mine?.cost ?? 0) + cost;
    const turn = (mine?.from ?? this.#point) + own / weight;
    let total = own;
    for (const lane of this.#heap) {
      if (lane !== mine) total += Math.min(lane.cost, Math.max(0, (turn - lane.from) * lane.weight));
    }
    return total;
  }

  #link(lane: Lane<T>, node: Node<T>, before: Node<T> | undefined): void {
    node.before = before;
    node.after = before === undefined ? lane.head : before.after;
    if (node.after === undefined) lane.tail = node;
    else node.after.before = node;
    if (before === undefined) lane.head = node;
    else before.after = node;
    lane.length++;
    lane.cost += node.cost;
    this.#size++;
    if (before === undefined) this.#place(lane, node);
  }

  #unlink(lane: Lane<T>, node: Node<T>): void {
    if (node.after === undefined) lane.tail = node.before;
    else node.after.before = node.before;
    lane.length--;
    lane.cost -= node.cost;
    this.#size--;
    if (node.before !== undefined) node.before.after = node.after;
    else {
      lane.head = node.after;
      if (lane.head === undefined) this.#drop(lane);
      else this.#place(lane, lane.head);
    }
  }

  /** A lane that comes back pays for its first item before it is served, so that leaving gains nothing. */
  #place(lane: Lane<T>, head: Node<T>): void {
    lane.turn = lane.from + head.cost / lane.weight;
    this.#sink(this.#rise(lane.index));
  }

  #drop(lane: Lane<T>): void {
    this.#lanes.delete(lane.name);
    const last = this.#heap.pop() as Lane<T>;
    if (last === lane) return;
    this.#put(last, lane.index);
    this.#sink(this.#rise(last.index));
  }

  #put(lane: Lane<T>, index: number): void {
    this.#heap[index] = lane;
    lane.index = index;
  }

  #precedes(a: Lane<T>, b: Lane<T>): boolean {
    return a.turn < b.turn || (a.turn === b.turn && a.number < b.number);
  }

  #rise(index: number): number {
    const lane = this.#heap[index] as Lane<T>;
    let at = index;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = this.#heap[up] as Lane<T>;
      if (!this.#precedes(lane, parent)) break;
      this.#put(parent, at);
      at = up;
    }
    this.#put(lane, at);
    return at;
  }

  #sink(index: number): void {
    const lane = this.#heap[index] as Lane<T>;
    let at = index;
    for (;;) {
      const left = 2 * at + 1;
      const [a, b] = [this.#heap[left], this.#heap[left + 1]];
      const child = b !== undefined && a !== undefined && this.#precedes(b, a) ? b : a;
      if (child === undefined || !this.#precedes(child, lane)) break;
      const { index: down } = child;
      this.#put(child, at);
      at = down;
    }
    this.#put(lane, at);
  }
}
