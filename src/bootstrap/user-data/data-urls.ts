const dataUrl = /data:[\w/+.-]{0,80}(?:;[\w.+-]{1,40}=[\w.+-]{1,80}){0,4}(;base64)?,([^\s"<>]+)/gi;

/** A `data:` URL (RFC 2397). */
export interface DataUrl {
  readonly from: number;
  readonly to: number;
  readonly isBase64: boolean;
  /** What it holds, without its percent signs. */
  readonly body: string;
}

/** `%41` is `A`: whatever has no such form stays as it is. */
export function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  const bytes = text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** The `data:` URLs of a text. */
export const dataUrlsIn = (text: string): DataUrl[] =>
  [...text.matchAll(dataUrl)].map(({ 0: url, 1: encoding, 2: body = "", index }) => ({
    from: index,
    to: index + url.length,
    isBase64: encoding !== undefined,
    body: percentDecoded(body),
  }));
