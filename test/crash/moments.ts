/** How many times a process is killed: each takes it its time to start. */
export const moments = Number(process.env.CRASH_MOMENTS ?? (process.env.REAL_SERVERS === "required" ? 200 : 40));
