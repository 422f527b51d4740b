import { below } from "./where.ts";

interface Level {
  readonly indent: number;
  readonly path: string;
  /** Of the item, for a sequence. */
  readonly index: number | undefined;
}

/** The levels of YAML's block style that a line stands in, by their indentation. */
export interface YamlLevels {
  path(): string;
  /** Of the innermost level. */
  indent(): number;
  /** Steps into the value of a key. */
  key(indent: number, key: string): void;
  /** Steps into the next item of a sequence whose dashes stand at `indent`. */
  item(indent: number): void;
  /** A new document begins. */
  clear(): void;
}

export function yamlLevels(): YamlLevels {
  const levels: Level[] = [];
  const path = () => levels.at(-1)?.path ?? "";

  function popTo(keep: (level: Level) => boolean): void {
    while (levels.length > 0 && !keep(levels.at(-1) as Level)) levels.pop();
  }

  return {
    path,
    indent: () => levels.at(-1)?.indent ?? 0,
    key(indent, key) {
      popTo((level) => level.indent < indent);
      levels.push({ indent, path: below(path(), key), index: undefined });
    },
    item(indent) {
      popTo((level) => level.indent <= indent); // the key of a sequence may stand right above its dashes
      const top = levels.at(-1);
      let index = 0;
      if (top?.index !== undefined && top.indent === indent) {
        index = top.index + 1;
        levels.pop();
      }
      levels.push({ indent, path: below(path(), index), index });
    },
    clear() {
      levels.length = 0;
    },
  };
}
