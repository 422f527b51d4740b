import { generateKeyPairSync, hash, randomBytes, randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";

/** Values that real user data is full of, and that look random but are no secrets. */
export interface Public {
  readonly sshKey: string;
  readonly certificate: string;
  readonly publicKey: string;
  readonly sha256: string;
  readonly sha512: string;
  readonly sha512base64: string;
  readonly uuid: string;
  readonly unit: string;
}

/** Self-signed; its key was thrown away. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUYV0fokSXOiE4rQT5K4C+YF+8QhEwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAeFw0yNjExMjMxOTI2NDZaFw0zNjExMjAx
OTI2NDZaMBUxEzARBgNVBAMMCmt1YmVybmV0ZXMwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARBwR5slATETqaSftWpayFfWCr2uEMrtTIHhdNWIC2SO5YFFYBpmr27
gvd34n6uAbPsm5f3t1YaeIW/ofKtQ2tuo1MwUTAdBgNVHQ4EFgQUWz00pCkDB2QY
2ogAdZnVJT/1+xMwHwYDVR0jBBgwFoAUWz00pCkDB2QY2ogAdZnVJT/1+xMwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiA9hFJjFrvAVf1tfrq8XAqA
vLk4vYZ5qtkaBwJ4xfkc7AIgU1VVqtG1fXd7ou97u+pbkIfICEPUfxyfrylvs4zZ
Go8=
-----END CERTIFICATE-----`;

/** A public key as OpenSSH writes it. */
function sshPublicKey(): string {
  const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const blob = Buffer.concat([field(Buffer.from("ssh-ed25519")), field(Buffer.from(x as string, "base64url"))]);
  return `ssh-ed25519 ${blob.toString("base64")} ops@example.org`;
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .publicKey.export({ format: "pem", type: "spki" })
  .toString();

export function publicValues(): Public {
  const random = randomBytes(64);
  return {
    sshKey: sshPublicKey(),
    certificate,
    publicKey: rsa,
    sha256: hash("sha256", random),
    sha512: hash("sha512", random),
    sha512base64: hash("sha512", random, "base64"),
    uuid: randomUUID(),
    unit: Buffer.from(
      "[Unit]\nDescription=Acme agent\nAfter=network-online.target\n\n[Service]\nExecStart=/usr/local/bin/acme-agent --config /etc/acme/agent.yaml\nRestart=always\n\n[Install]\nWantedBy=multi-user.target\n",
    ).toString("base64"),
  };
}

const indent = (text: string, by: number) => text.trimEnd().replace(/^/gm, " ".repeat(by));
const wrap = (base64: string) => base64.replace(/.{76}(?=.)/g, "$&\n");

/** User data without secrets, in the shapes that projects around Cluster API use. */
export const safe: Readonly<Record<string, (p: Public) => string | Uint8Array>> = {
  "packages and commands": () => `#cloud-config
package_update: true
package_upgrade: false
packages:
  - apt-transport-https
  - ca-certificates
  - containerd.io=1.7.24-1
runcmd:
  - [systemctl, daemon-reload]
  - [systemctl, enable, --now, containerd.service]
  - swapoff -a && sed -i '/swap/d' /etc/fstab
  - modprobe overlay && modprobe br_netfilter
  - sysctl --system
`,
  "users with keys": ({ sshKey }) => `#cloud-config
ssh_pwauth: false
disable_root: true
users:
  - default
  - name: capi
    gecos: Cluster API
    groups: [sudo, docker]
    sudo: "ALL=(ALL) NOPASSWD:ALL"
    lock_passwd: true
    shell: /bin/bash
    ssh_authorized_keys:
      - ${sshKey}
      - ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg= b@c
`,
  "certificates of a trust store": ({ certificate: cert }) => `#cloud-config
ca_certs:
  remove_defaults: false
  trusted:
    - |
${indent(cert, 6)}
write_files:
  - path: /etc/kubernetes/pki/ca.crt
    owner: root:root
    permissions: "0640"
    content: |
${indent(cert, 6)}
`,
  "an apt source": ({ publicKey }) => `#cloud-config
apt:
  preserve_sources_list: true
  sources:
    kubernetes.list:
      source: "deb [signed-by=$KEY_FILE] https://pkgs.k8s.io/core:/stable:/v1.35/deb/ /"
      keyid: DE15B14486CD377B9E876E1A234654DA9A296436
      key: |
${indent(publicKey, 8)}
`,
  "containerd and images by digest": ({ sha256 }) => `#cloud-config
write_files:
  - path: /etc/containerd/config.toml
    content: |
      version = 2
      [plugins."io.containerd.grpc.v1.cri"]
        sandbox_image = "registry.k8s.io/pause@sha256:${sha256}"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
  - path: /etc/crictl.yaml
    content: |
      runtime-endpoint: unix:///run/containerd/containerd.sock
runcmd:
  - ctr -n k8s.io images pull registry.k8s.io/kube-apiserver@sha256:${sha256}
`,
  "a download with checksum": ({ sha256, sha512 }) => `#!/bin/bash
set -euo pipefail
VERSION="v1.35.4"
curl -fsSLo /usr/local/bin/kubelet "https://dl.k8s.io/release/\${VERSION}/bin/linux/amd64/kubelet"
echo "${sha256}  /usr/local/bin/kubelet" | sha256sum --check
echo "${sha512}  /opt/cni-plugins-linux-amd64-v1.6.2.tgz" | sha512sum --check
install -o root -g root -m 0755 /opt/kubeadm /usr/local/bin/kubeadm
systemctl enable --now kubelet.service
`,
  "instance metadata of EC2": () => `#!/bin/sh
TOKEN=$(curl -sX PUT http://169.254.169.254/latest/api/token -H "X-aws-ec2-metadata-token-ttl-seconds: 21600")
INSTANCE_ID=$(curl -s -H "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/instance-id)
PASSWORD="$(aws secretsmanager get-secret-value --secret-id acme/db --query SecretString --output text)"
export DB_PASSWORD="$PASSWORD" API_TOKEN=\${API_TOKEN:-} SECRET_FILE=/run/secrets/token
hostnamectl set-hostname "$INSTANCE_ID"
/usr/local/bin/acme-agent --token-file /run/secrets/token --password-file=/run/secrets/password --token "$TOKEN"
`,
  "a unit in base64": ({ unit }) => `#cloud-config
write_files:
  - path: /etc/systemd/system/acme-agent.service
    encoding: b64
    content: ${unit}
  - encoding: base64
    path: /etc/systemd/system/acme-agent.service.d/10-limits.conf
    content: |
${indent(wrap(unit), 6)}
`,
  "a unit in gzip": ({ unit }) => `#cloud-config
write_files:
  - path: /etc/systemd/system/acme-agent.service
    encoding: gz+b64
    content: !!binary |
${indent(wrap(gzipSync(Buffer.from(unit, "base64")).toString("base64")), 6)}
`,
  "disks and mounts": ({ uuid }) => `#cloud-config
disk_setup:
  /dev/nvme1n1: {table_type: gpt, layout: true, overwrite: false}
fs_setup:
  - {label: etcd_disk, filesystem: ext4, device: /dev/nvme1n1, extra_opts: ["-F", "-E", "lazy_itable_init=1"]}
mounts:
  - [LABEL=etcd_disk, /var/lib/etcd]
  - ["UUID=${uuid}", /data, xfs, "defaults,nofail", "0", "2"]
swap: {filename: /swapfile, size: 0}
`,
  "network and time": ({ uuid }) => `#cloud-config
hostname: md-0-x7k2p-9wq4z
fqdn: md-0-x7k2p-9wq4z.prod.internal.example.org
manage_etc_hosts: true
ntp: {enabled: true, servers: [0.pool.ntp.org, 169.254.169.123]}
timezone: Etc/UTC
final_message: "booted $UPTIME, instance ${uuid}"
growpart: {mode: auto, devices: ["/"]}
power_state: {mode: reboot, message: rebooting, timeout: 30, condition: test -f /var/run/reboot-required}
`,
  "kube-vip's manifest": () => `#cloud-config
write_files:
  - path: /etc/kubernetes/manifests/kube-vip.yaml
    owner: root:root
    content: |
      apiVersion: v1
      kind: Pod
      metadata:
        name: kube-vip
        namespace: kube-system
      spec:
        containers:
          - name: kube-vip
            image: ghcr.io/kube-vip/kube-vip:v0.8.9
            args: [manager]
            env:
              - name: vip_interface
                value: ""
              - name: cp_enable
                value: "true"
              - name: address
                value: 10.20.30.40
            securityContext:
              capabilities: {add: [NET_ADMIN, NET_RAW]}
            volumeMounts:
              - mountPath: /etc/kubernetes/admin.conf
                name: kubeconfig
        hostNetwork: true
        volumes:
          - name: kubeconfig
            hostPath:
              path: /etc/kubernetes/admin.conf
              type: FileOrCreate
`,
  "kubelet's configuration": () => `#cloud-config
write_files:
  - path: /var/lib/kubelet/config.yaml
    content: |
      apiVersion: kubelet.config.k8s.io/v1beta1
      kind: KubeletConfiguration
      authentication:
        anonymous: {enabled: false}
        webhook: {cacheTTL: 2m0s, enabled: true}
        x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}
      authorization: {mode: Webhook}
      rotateCertificates: true
      serverTLSBootstrap: true
      tlsCipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]
  - path: /etc/default/kubelet
    content: KUBELET_EXTRA_ARGS="--cloud-provider=external --node-ip=10.0.0.4 --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
`,
  "audit policy and admission": () => `#cloud-config
write_files:
  - path: /etc/kubernetes/audit-policy.yaml
    content: |
      apiVersion: audit.k8s.io/v1
      kind: Policy
      rules:
        - level: Metadata
          resources:
            - group: ""
              resources: ["secrets", "configmaps", "serviceaccounts/token"]
        - level: None
          users: ["system:kube-proxy"]
          verbs: ["watch"]
  - path: /etc/kubernetes/pod.yaml
    content: |
      apiVersion: v1
      kind: Pod
      metadata: {name: agent}
      spec:
        automountServiceAccountToken: false
        containers:
          - name: agent
            env:
              - name: API_TOKEN
                valueFrom:
                  secretKeyRef: {name: agent-credentials, key: token}
        volumes:
          - name: tls
            secret:
              secretName: agent-tls
          - name: token
            projected:
              sources:
                - serviceAccountToken: {audience: acme, expirationSeconds: 3600, path: token}
`,
  "a join by discovery without a token": ({ sha256 }) => `## template: jinja
#cloud-config
write_files:
  - path: /run/kubeadm/kubeadm-join-config.yaml
    content: |
      apiVersion: kubeadm.k8s.io/v1beta4
      kind: JoinConfiguration
      discovery:
        file:
          kubeConfigPath: /run/kubeadm/discovery.conf
        tlsBootstrapToken: "{{ ds.meta_data.join_token }}"
      caCertHashes:
        - sha256:${sha256}
      nodeRegistration:
        name: '{{ ds.meta_data.local_hostname }}'
        kubeletExtraArgs:
          - name: provider-id
            value: aws:///{{ ds.meta_data.placement.availability_zone }}/{{ v1.instance_id }}
runcmd:
  - 'kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml && echo success > /run/cluster-api/bootstrap-success.complete'
`,
  "Ignition with units": ({ sshKey, sha512, certificate: cert }) =>
    JSON.stringify({
      ignition: {
        version: "3.4.0",
        security: {
          tls: { certificateAuthorities: [{ source: `data:;base64,${Buffer.from(cert).toString("base64")}` }] },
        },
      },
      passwd: { users: [{ name: "core", sshAuthorizedKeys: [sshKey], groups: ["sudo"] }] },
      storage: {
        files: [
          { path: "/etc/hostname", mode: 420, contents: { source: "data:,md-0-x7k2p%0A" } },
          {
            path: "/opt/bin/kubelet",
            mode: 493,
            contents: {
              source: "https://dl.k8s.io/v1.35.4/bin/linux/amd64/kubelet",
              verification: { hash: `sha512-${sha512}` },
            },
          },
          {
            path: "/etc/sysctl.d/k8s.conf",
            contents: {
              compression: "gzip",
              source: `data:;base64,${gzipSync("net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1\n").toString("base64")}`,
            },
          },
        ],
        links: [{ path: "/etc/localtime", target: "/usr/share/zoneinfo/Etc/UTC" }],
      },
      systemd: {
        units: [
          {
            name: "kubeadm.service",
            enabled: true,
            contents:
              "[Unit]\nDescription=kubeadm\n[Service]\nType=oneshot\nExecStart=/etc/kubeadm.sh\n[Install]\nWantedBy=multi-user.target\n",
          },
          { name: "update-engine.service", mask: true },
        ],
      },
    }),
  "Ignition that points elsewhere": ({ sha512 }) =>
    JSON.stringify({
      ignition: {
        version: "3.1.0",
        config: {
          replace: {
            source: `https://boot.example.org/v1/00112233445566778899aabbccddeeff/0?X-Amz-Security-Token=${randomBytes(48).toString("base64url")}`,
            compression: "gzip",
            httpHeaders: [{ name: "Authorization", value: `Bearer ${randomBytes(32).toString("base64url")}` }],
            verification: { hash: `sha512-${sha512}` },
          },
        },
        timeouts: { httpResponseHeaders: 20, httpTotal: 600 },
      },
    }),
  "a MIME message": ({
    unit,
    sshKey,
  }) => `Content-Type: multipart/mixed; boundary="===============7330845974216740156=="
MIME-Version: 1.0
Number-Attachments: 3

--===============7330845974216740156==
Content-Type: text/cloud-config; charset="us-ascii"
MIME-Version: 1.0
Content-Transfer-Encoding: 7bit
Content-Disposition: attachment; filename="config.yaml"

#cloud-config
ssh_authorized_keys:
  - ${sshKey}
--===============7330845974216740156==
Content-Type: text/x-shellscript; charset="us-ascii"
Content-Transfer-Encoding: base64

${wrap(Buffer.from("#!/bin/bash\n/etc/eks/bootstrap.sh prod --kubelet-extra-args '--node-labels=role=worker'\n").toString("base64"))}
--===============7330845974216740156==
Content-Type: text/cloud-boothook; charset="us-ascii"

#!/bin/sh
echo '${unit}' | base64 -d > /etc/systemd/system/acme-agent.service
--===============7330845974216740156==--
`,
  "EKS's node configuration": ({ certificate: cert }) => `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="BOUNDARY"

--BOUNDARY
Content-Type: application/node.eks.aws

---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: prod
    apiServerEndpoint: https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com
    certificateAuthority: ${Buffer.from(cert).toString("base64")}
    cidr: 10.100.0.0/16
--BOUNDARY--
`,
  "Bottlerocket's settings": ({ certificate: cert, sha256 }) => `[settings.kubernetes]
api-server = "https://0123456789ABCDEF0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com"
cluster-certificate = "${Buffer.from(cert).toString("base64")}"
cluster-name = "prod"
cluster-dns-ip = "10.100.0.10"
[settings.host-containers.admin]
enabled = false
source = "public.ecr.aws/bottlerocket/bottlerocket-admin@sha256:${sha256}"
[settings.metrics]
send-metrics = false
`,
  Windows: () => `<powershell>
$ErrorActionPreference = "Stop"
Set-ItemProperty -Path "HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters" -Name "DisabledComponents" -Value 255
[Environment]::SetEnvironmentVariable("KUBE_NODE_NAME", (hostname).ToLower(), "Machine")
New-NetFirewallRule -DisplayName "Kubelet 10250" -Direction Inbound -LocalPort 10250 -Protocol TCP -Action Allow
Import-Module "C:\\ProgramData\\Amazon\\EKS\\Start-EKSBootstrap.ps1"
</powershell>
<persist>true</persist>
`,
  "comments about secrets": () => `#!/bin/sh
# The token: it is fetched from the instance metadata, and never written down here.
# password: see the operations handbook, chapter 4
# Secrets are mounted by the CSI driver; token rotation is hourly.
log "waiting for token to appear in /run/secrets"
if [ -z "$token" ]; then echo "no token was given" >&2; exit 1; fi
kubectl --kubeconfig /etc/kubernetes/admin.conf create token default --duration 10m > /dev/null
passwd --lock root
usermod --lock ubuntu
`,
  "an include": () => `#include
https://boot.example.org/cloud-config/base.yaml
https://boot.example.org/cloud-config/worker.yaml?version=2026-11-23
`,
  "cloud-config as JSON": ({ sshKey }) => `#cloud-config
${JSON.stringify({ users: [{ name: "ops", ssh_authorized_keys: [sshKey], lock_passwd: true }], runcmd: [["sh", "-c", "echo ready"]] })}`,
  "an archive": ({ unit }) => `#cloud-config-archive
- type: text/cloud-config
  content: |
    packages: [jq, socat, conntrack]
- type: text/x-shellscript
  content: |
    #!/bin/sh
    echo ${unit} | base64 -d
`,
  "a machine's labels": ({ uuid }) => `#cloud-config
write_files:
  - path: /etc/acme/labels.env
    content: |
      CLUSTER_UID=${uuid}
      MACHINE_NAME=prod-control-plane-6d4cf8b7c9-x2kq9
      NODE_LABELS=node-role.kubernetes.io/control-plane=,topology.kubernetes.io/zone=eu-west-1a,cluster.x-k8s.io/deployment-name=prod-md-0
      IMAGE=123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/node-problem-detector:v0.8.20-eksbuild.1
      GIT_COMMIT=9fceb02d0ae598e95dc970b74767f19372d61af8
      ETAG="33a64df551425fcc55e4d42a148795d9f25f89d4"
`,
  "repositories of a distribution": () => `#cloud-config
yum_repos:
  kubernetes:
    name: Kubernetes
    baseurl: https://pkgs.k8s.io/core:/stable:/v1.35/rpm/
    enabled: true
    gpgcheck: true
    gpgkey: https://pkgs.k8s.io/core:/stable:/v1.35/rpm/repodata/repomd.xml.key
    exclude: kubelet kubeadm kubectl cri-tools kubernetes-cni
`,
  "host certificates and fingerprints": ({ sha512base64 }) => `#cloud-config
ssh:
  emit_keys_to_console: false
ssh_import_id: [gh:acme-ops]
write_files:
  - path: /etc/acme/integrity
    content: |
      agent.js sha512-${sha512base64}
      host SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDmzQAT0zeEY1V5WQY
`,
  "phone home": () => `#cloud-config
phone_home:
  url: http://boot.example.org/$INSTANCE_ID/
  post: [pub_key_ed25519, instance_id, fqdn]
  tries: 10
chpasswd:
  expire: false
  users:
    - {name: ops, type: RANDOM}
snap: {commands: {0: snap install amazon-ssm-agent --classic}}
`,
};
