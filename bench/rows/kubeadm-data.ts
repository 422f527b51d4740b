import { randomBytes } from "node:crypto";

/** Keys and certificates are as good as random, but for a few bytes. */
const pem = (label: string, bytes: number) =>
  `-----BEGIN ${label}-----\n${randomBytes(bytes)
    .toString("base64")
    .replace(/.{64}(?=.)/g, "$&\n")}\n-----END ${label}-----\n`;

function file(path: string, content: string): string {
  const lines = content.trimEnd().replace(/^/gm, "      ");
  return `-   path: ${path}\n    owner: root:root\n    permissions: '0640'\n    content: |\n${lines}\n`;
}

/** As many bytes of cloud-config as the kubeadm bootstrap provider makes for a first control plane. */
export function kubeadmData(bytes: number): Buffer {
  let text = "## template: jinja\n#cloud-config\n\nwrite_files:\n";
  const name = (index: number) => ["ca", "etcd/ca", "front-proxy-ca", "sa"][index] ?? `more-${index}`;
  for (let index = 0; text.length < bytes * 0.7; index++) {
    text += file(`/etc/kubernetes/pki/${name(index)}.crt`, pem("CERTIFICATE", 790));
    text += file(`/etc/kubernetes/pki/${name(index)}.key`, pem("RSA PRIVATE KEY", 1192));
  }
  text += file("/run/kubeadm/kubeadm.yaml", "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n");
  for (let index = 0; text.length < bytes - 100; index++) {
    text += `      - name: setting-${index}\n        value: example.com/${(index * 7919) % 10_007}\n`;
  }
  text += "runcmd:\n  - 'kubeadm init --config /run/kubeadm/kubeadm.yaml'\n";
  return Buffer.from(text.padEnd(bytes, "#")).subarray(0, bytes);
}
