export { type ParsedRecord, parseRecord } from "./schema/parse-record.ts";
export type { StoredRecord } from "./schema/records.ts";
export { type DirectorySinkOptions, directorySink } from "./shipping/directory-sink.ts";
export { type HttpHeaders, type HttpSinkOptions, httpSink } from "./shipping/http-sink.ts";
export { type ShippingOptions, shipping } from "./shipping/shipping.ts";
export type { ShippedObject, ShippingContext, ShippingSink } from "./shipping/sink.ts";
