/**
 * Names that may be shown: cloud-init's, Ignition's, kubeadm's and Kubernetes' own. Any other key is the data's,
 * and may be a secret itself.
 */
const vocabulary = new Set(
  `apt auth bootcmd ca ca_certs certificate-authority-data certificateKey chpasswd cloud_config client-certificate-data
  client-key-data clusters config configs containers content contents context contexts compression data device directories
  disk_setup disks encoding env environment files filesystems fqdn fs_setup groups hashed_passwd hostname httpHeaders
  ignition inline keys kind links list local luks merge metadata mode mounts mount_options name ntp overwrite owner
  packages passwd password passwordHash path permissions phone_home plain_text_passwd power_state replace
  resolv_conf rh_subscription runcmd secret secrets security server source sources spec ssh sshAuthorizedKeys
  ssh_authorized_keys ssh_keys storage stringData systemd timeouts tls token type units url user user-data users value
  values vendor_data verification volumes write_files yum_repos ed25519_private rsa_private ecdsa_private dropins command
  args preKubeadmCommands postKubeadmCommands initConfiguration joinConfiguration clusterConfiguration discovery
  bootstrapToken bootstrapTokens localAPIEndpoint nodeRegistration tlsBootstrapToken`.split(/\s+/),
);

/** A key as it may be told, whoever wrote it. */
const shownKey = (key: string): string => (vocabulary.has(key) ? key : "*");

/** A path one step longer. */
export const below = (path: string, key: string | number): string =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? shownKey(key) : `${path}.${shownKey(key)}`;

/** One more step of the way to a finding. */
export const inside = (where: string, step: string): string =>
  step === "" ? where : where === "" ? step : `${where}, ${step}`;

/** Where lines and characters of a text stand. */
export interface Places {
  line(line: number): string;
  /** Quick for offsets that grow. */
  offset(offset: number): string;
}

/**
 * Tells the places of a text.
 *
 * @param where - Of the text.
 * @param pathAt - The path that a line has, counted from 1.
 */
export function placesIn(text: string, where: string, pathAt: (line: number) => string): Places {
  const hasLines = text.includes("\n");
  const lineAt = lineCounter(text);
  const line = (at: number) => inside(inside(where, pathAt(at)), hasLines ? `line ${at}` : "");
  return { line, offset: (offset) => line(lineAt(offset)) };
}

function lineCounter(text: string): (offset: number) => number {
  let line = 1;
  let at = 0;
  return (offset) => {
    if (offset < at) {
      line = 1;
      at = 0;
    }
    for (let next = text.indexOf("\n", at); next >= 0 && next < offset; next = text.indexOf("\n", at)) {
      line++;
      at = next + 1;
    }
    return line;
  };
}
