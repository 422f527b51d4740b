/** One timer that has not fired yet. */
export interface PendingTimer {
  readonly dueAt: number;
  /** Order of creation: decides between timers that are due together. */
  readonly order: number;
  readonly fire: () => void;
  cancelled: boolean;
}

/** Timers by due time, then by order of creation. */
export interface TimerHeap {
  add(timer: PendingTimer): void;
  /** Says that a timer in the heap was cancelled. */
  forget(timer: PendingTimer): void;
  /** The next timer that is due, left in place. */
  peek(): PendingTimer | undefined;
  take(): PendingTimer | undefined;
  /** Timers that will still fire. */
  readonly size: number;
}

const before = (a: PendingTimer, b: PendingTimer) => a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);

/**
 * A binary heap. Cancelled timers stay in it until they surface or are the majority: a request
 * that cancels its timeout must not cost a search.
 */
export function timerHeap(): TimerHeap {
  let items: PendingTimer[] = [];
  let cancelled = 0;

  function up(from: number): void {
    const item = items[from] as PendingTimer;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = items[parent] as PendingTimer;
      if (!before(item, above)) break;
      items[at] = above;
      at = parent;
    }
    items[at] = item;
  }

  function down(from: number): void {
    const item = items[from] as PendingTimer;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as PendingTimer, items[child] as PendingTimer)) child++;
      const below = items[child] as PendingTimer;
      if (!before(below, item)) break;
      items[at] = below;
      at = child;
    }
    items[at] = item;
  }

  function pop(): PendingTimer | undefined {
    const first = items[0];
    const last = items.pop();
    if (items.length > 0 && last !== undefined) {
      items[0] = last;
      down(0);
    }
    return first;
  }

  function dropCancelled(): void {
    while (items[0]?.cancelled) {
      pop();
      cancelled--;
    }
  }

  return {
    add(timer) {
      items.push(timer);
      up(items.length - 1);
    },
    forget(timer) {
      if (timer.cancelled) return;
      timer.cancelled = true;
      cancelled++;
      if (cancelled < 64 || cancelled * 2 < items.length) return;
      items = items.filter((item) => !item.cancelled);
      cancelled = 0;
      for (let i = (items.length >> 1) - 1; i >= 0; i--) down(i);
    },
    peek() {
      dropCancelled();
      return items[0];
    },
    take() {
      dropCancelled();
      return pop();
    },
    get size() {
      return items.length - cancelled;
    },
  };
}
