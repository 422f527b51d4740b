import { parseJson, textsOf, timeOf } from "./fields.ts";
import { notifiedRequest } from "./openstack-notification.ts";
import { type OpenStackRequest, operationOf, readingActions } from "./openstack-request.ts";

const requestId = /^req-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const none = new Set(["None", "-"]);

/** What stands in a log line's brackets: `[global-id own-id user project …]`, or without the first before 2022. */
function contextOf(text: string) {
  const [first = "", second = "", ...rest] = text.split(" ");
  const [own, [user, project]] =
    none.has(first) || requestId.test(second) ? [second, rest] : [first, [second, rest[0]] as const];
  const known = (word: string | undefined) => (word === undefined || none.has(word) ? undefined : word);
  const ids = textsOf([own, first].filter((word) => requestId.test(word)));
  return { ids, user: known(user), project: known(project) };
}

const time = /^.{0,128}?(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)/;
// Whoever makes a request writes parts of the line: nothing here may be matched in more than one way.
const begun =
  / ([a-z]{1,32})[\w.-]{0,128} \[([^\]]{1,512})\] ([^\s",]{1,64}(?:, ?[^\s",]{1,64}){0,8})(?: - - \[[^\]]{1,32}\])? "([A-Z]{3,7}) (?=\/)/;
/** A path stands there decoded and may say anything: the server's own end is the last one. */
const ended =
  /^(.{1,8192})" (?:status: )?(\d{3}) (?: ?len: \S{1,16}(?: microversion: (\S{1,16}))?(?: time: [\d.]{1,20})?|\S{1,16} [\d.]{1,20})$/;

/**
 * A request line of an API's log, its time taken for UTC.
 * @returns `undefined` where a line begins like one, and does not end like one.
 */
function loggedRequest(line: string): OpenStackRequest | "other" | undefined {
  const start = begun.exec(line.slice(0, 2048));
  if (start === null) return "other";
  const [all, logger = "", context = "", address, method = ""] = start;
  const end = ended.exec(line.slice(start.index + all.length));
  const when = time.exec(line);
  const at = when === null ? undefined : timeOf(`${when[1]}T${when[2]}Z`);
  if (end === null || at === undefined) return undefined;
  const [, target = "", status = "", version] = end;
  const { ids, user, project } = contextOf(context);
  const [own] = ids;
  // Nobody was let in, and the brackets may be those of an earlier request in the same thread.
  if (own === undefined || status === "401" || version === "-") return "other";
  const service = logger === "eventlet" ? "openstack" : logger;
  const { operation, path, resources } = operationOf(method, target.replace(/ HTTP\/\d(?:\.\d)?$/, ""));
  return {
    ...{ id: `${service}/${own}/${at}/${method} ${path}`, at, service, operation, path, resources },
    ...{ readOnly: readingActions.has(method), requestIds: ids, user, project, address },
    error: Number(status) >= 400 ? status : undefined,
  };
}

/** Ends each line that goes to standard error, on a terminal or not. */
const colourOff = "\u001b[00m";
const notified = / oslo\.messaging\.notification\.[\w.-]{1,128} \[([^\]]{1,512})\] (?=\{)/;

/**
 * Reads one line: a request in an API's log, or a notification as JSON, also as oslo.messaging's log
 * driver writes it.
 *
 * @returns `undefined` if it claims to be one and is not what it should be; `"other"` for any other line.
 * @see Keystone, "Keystone Event Notifications" (CADF), keystonemiddleware, "Audit middleware", and
 * nova's `nova.api.openstack.requestlog`, read 2026-11
 */
export function openStackLine(written: string): OpenStackRequest | "other" | undefined {
  const line = written.endsWith(colourOff) ? written.slice(0, -colourOff.length) : written;
  if (line.trimStart().startsWith("{")) return notifiedRequest(parseJson(line), []);
  const found = notified.exec(line.slice(0, 2048));
  if (found === null) return loggedRequest(line);
  const [all, context = ""] = found;
  return notifiedRequest(parseJson(line.slice(found.index + all.length)), contextOf(context).ids);
}
