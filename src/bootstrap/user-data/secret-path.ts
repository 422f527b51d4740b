/** Paths of files that hold secrets wherever Kubernetes, cloud images and common tools look for them. */
const secret = [
  String.raw`/etc/kubernetes/.*\.key`,
  String.raw`/etc/kubernetes/(?:super-)?(?:admin|kubelet|bootstrap-kubelet|controller-manager|scheduler)\.conf`,
  "/var/lib/kubelet/(?:bootstrap-)?kubeconfig",
  String.raw`/var/lib/kubelet/pki/.*(?:\.key|-current\.pem)`,
  String.raw`.*/\.kube/config`,
  String.raw`.*/kubeconfig(?:\.ya?ml|\.conf)?`,
  String.raw`.*(?:^|/)(?:tls|ca|server|client|private|sa|apiserver|etcd)\.key`,
  String.raw`.*-key\.pem`,
  String.raw`.*/private(?:-key)?/.*\.pem`,
  String.raw`.*/privkey\d?\.pem`,
  ".*/id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?",
  String.raw`.*/ssh_host_\w+_key`,
  "/etc/g?shadow-?",
  String.raw`.*/\.aws/credentials`,
  String.raw`.*/\.docker/config\.json`,
  String.raw`.*/\.(?:netrc|pgpass|my\.cnf|git-credentials|vault-token|htpasswd)`,
  String.raw`/etc/rancher/(?:k3s|rke2)/.*(?:token|\.key)`,
  String.raw`/var/lib/rancher/(?:k3s|rke2)/server/.*(?:token|\.key)`,
];
const expression = new RegExp(`^(?:${secret.join("|")})$`);

/** Whether a file of this path is a secret by its place. */
export const isSecretPath = (path: string): boolean => path.length <= 512 && expression.test(path);
