/** Runs what a Python package has as a console script, as the script in Debian's package does. */
export const python = (module: string, config: string, ...rest: readonly string[]): readonly string[] => [
  ...["/usr/bin/python3", "-c", `import sys; from ${module} import main; sys.exit(main())`],
  ...["--config-file", config, ...rest],
];

/** One of nova's programs, e.g. `conductor`. */
export const nova = (directory: string, name: string, ...rest: readonly string[]): readonly string[] =>
  python(`nova.cmd.${name}`, `${directory}/nova/nova.conf`, ...rest);

/** Serves a WSGI application in one process, as Debian's packages do. */
export const uwsgi = (application: string, port: number): readonly string[] => [
  ...["uwsgi", "--plugins", "python3", "--http-socket", `127.0.0.1:${port}`, "--module", application],
  ...["--processes", "1", "--threads", "8", "--enable-threads", "--die-on-term", "--need-app", "--disable-logging"],
  ...["--buffer-size", "65535", "--add-header", "Connection: close"],
];
