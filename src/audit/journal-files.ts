import { fdatasync, ftruncate, write } from "node:fs";
import { createDurably } from "./directory.ts";

/**
 * The steps that put records on a disk, and that fail when it is full or broken.
 * A seam, so that their failures can be provoked where no real disk fails on demand.
 */
export interface JournalFiles {
  /** @returns How many bytes were written; may be fewer than asked for. */
  write(fd: number, bytes: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Makes what was written durable. */
  sync(fd: number): Promise<void>;
  truncate(fd: number, length: number): Promise<void>;
  /** Makes a file with all its content, durably, or not at all; one of the same name is replaced. */
  create(directory: string, name: string, content: Uint8Array): Promise<void>;
}

/** The machine's own file system. */
export const nodeFiles: JournalFiles = {
  write: (fd, bytes, offset, length, position) =>
    new Promise((resolve, reject) => {
      write(fd, bytes, offset, length, position, (error, written) => (error ? reject(error) : resolve(written)));
    }),
  sync: (fd) =>
    new Promise((resolve, reject) => {
      fdatasync(fd, (error) => (error ? reject(error) : resolve()));
    }),
  truncate: (fd, length) =>
    new Promise((resolve, reject) => {
      ftruncate(fd, length, (error) => (error ? reject(error) : resolve()));
    }),
  create: createDurably,
};
