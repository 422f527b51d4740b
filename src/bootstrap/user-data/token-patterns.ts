import type { SecretKind } from "./finding.ts";

/** A form that tells a secret wherever it stands. */
export interface Pattern {
  readonly kind: SecretKind;
  /** Global. */
  readonly expression: RegExp;
  /** What else must hold. */
  readonly holds?: (found: RegExpExecArray, text: string) => boolean;
}

const start = "(?<![A-Za-z0-9_])";
const end = "(?![A-Za-z0-9_])";
const token = (...forms: readonly string[]): RegExp => new RegExp(`${start}(?:${forms.join("|")})`, "g");

/** A key's id alone is no secret: it stands in every presigned URL. */
function hasSecretKey({ index }: RegExpExecArray, text: string): boolean {
  const around = text.slice(Math.max(0, index - 400), index + 400);
  return (around.match(/(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g) ?? []).some(
    (run) => /[A-Z]/.test(run) && /[a-z]/.test(run) && /\d/.test(run),
  );
}

/** Of letters alone it may be two words; of digits alone a number. */
function isKubeadmToken({ 0: found, index }: RegExpExecArray, text: string): boolean {
  if (!/[a-z]/.test(found)) return /token/i.test(text.slice(Math.max(0, index - 40), index));
  return /\d/.test(found) || /(token|join)\W/i.test(text.slice(Math.max(0, index - 40), index));
}

/** Forms of secrets that need no name beside them. */
export const patterns: readonly Pattern[] = [
  {
    kind: "private-key",
    expression: /-----?\s?BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY|PuTTY-User-Key-File-\d|AGE-SECRET-KEY-1[0-9A-Z]{20}/g,
  },
  {
    kind: "kubeadm-token",
    expression: /(?<![A-Za-z0-9])[a-z0-9]{6}\.[a-z0-9]{16}(?![A-Za-z0-9])/g,
    holds: isKubeadmToken,
  },
  { kind: "access-token", expression: new RegExp(`${start}(?:AKIA|ASIA)[A-Z0-9]{16}${end}`, "g"), holds: hasSecretKey },
  {
    kind: "access-token",
    expression: token(
      "gh[opusr]_[A-Za-z0-9]{30,}", // GitHub
      "github_pat_\\w{22,}",
      "gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent)-[\\w-]{20,}", // GitLab
      "xox[abeoprs]-[A-Za-z0-9-]{10,}", // Slack
      "xapp-\\d-[A-Za-z0-9-]{10,}",
      "AIza[\\w-]{35}", // Google
      "ya29\\.[\\w-]{20,}",
      "GOCSPX-[\\w-]{20,}",
      "[sr]k_(?:live|test)_[A-Za-z0-9]{16,}", // Stripe
      "hv[sbr]\\.[\\w-]{20,}", // Vault
      "do[opr]_v1_[a-f0-9]{64}", // DigitalOcean
      "npm_[A-Za-z0-9]{36}",
      "pypi-AgE[\\w-]{40,}",
      "SG\\.[\\w-]{16,32}\\.[\\w-]{32,64}", // SendGrid
      "dckr_pat_[\\w-]{20,}",
      "tskey-[a-z]{2,16}-[\\w-]{16,}", // Tailscale
      "SWMTKN-1-[\\w-]{40,}", // Docker Swarm
      "K10[0-9a-f]{64}::\\w{1,32}:\\S{8,}", // k3s, RKE2
      "sk-(?:proj-|ant-)?[\\w-]{32,}",
      "eyJ[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]{10,}", // JWT
      "eyJ[\\w-]{10,}\\.[\\w-]*\\.[\\w-]{10,}\\.[\\w-]{10,}\\.[\\w-]{10,}", // JWE
    ),
  },
  { kind: "access-token", expression: /\bBearer[ \t]+(?![$<{])[\w.~+/-]{16,}/g },
  { kind: "access-token", expression: /\bBasic[ \t]+(?![$<{])[A-Za-z0-9+/]{16,}={0,2}/g },
  // The password of a URL, and curl's.
  { kind: "password", expression: /:\/\/[^\s:@/"'$<{]{0,64}:(?![$<{%])[^\s@/"'{}]{3,128}@/gi },
  {
    kind: "password",
    expression: /\s(?:-u|--user)[ =]["']?[\w.@-]{1,64}:(?![$<{"'])[^\s"']{3,}/g,
    holds: ({ 0: found }, text) => /\b(curl|wget)\b/.test(text) && !/:\d{1,5}$/.test(found),
  },
  // `echo name:password | chpasswd`, whatever prints it.
  {
    kind: "password",
    expression:
      /\b(?:echo|printf)[^\n|]{0,40}?["' ][\w.-]{1,32}:(?!\s|["'${<])[^\s|]{2,}[^\n|]{0,20}\|[^\n|]{0,20}chpasswd/g,
  },
  {
    kind: "password",
    expression:
      /\b(?:usermod|useradd)\b[^\n]{0,120}?\s(?:-p|--password)[ =](?!\s|["']?[{<!*]|["']?\$[({A-Za-z_])\S{3,}/g,
  },
  { kind: "password", expression: /\$(?:1|2[abxy]|5|6|7|y|gy|argon2\w{0,2})\$[\w./$=,-]{12,}/g },
];
