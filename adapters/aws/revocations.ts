/**
 * Operations that take away access or a secret and do nothing else, which an emergency stop lets
 * pass. What could end a running workload, what may also give access and what weakens a protection
 * is not among them:
 *
 * - detaching a policy, deleting a bucket's, secret's or role's policy, leaving a group: it may have denied something
 * - IAM.DeactivateMFADevice, S3.DeletePublicAccessBlock: they take a protection away
 * - IAM.UpdateAccessKey, EC2.ModifyImageAttribute: the input decides which way they go
 * - KMS.DisableKey, KMS.ScheduleKeyDeletion, IAM.DeleteServerCertificate: running workloads go down with them
 * - EC2.DisassociateIamInstanceProfile, EKS.DeleteAccessEntry: a node loses its cluster
 * - EC2.DeleteKeyPair: machines that have the key keep it, and launch templates that name it fail
 */
const revocations: Readonly<Record<string, string>> = {
  // The secret cannot be read any more; it can be restored for some days, unless the caller asked for none.
  SecretsManager: "DeleteSecret",
  // Where bootstrap data is kept; an activation is the code with which machines register; a session is a person's shell.
  SSM: "DeleteParameter DeleteParameters DeleteActivation TerminateSession",
  // Credentials of users: keys, passwords, signing certificates.
  IAM: "DeleteAccessKey DeleteLoginProfile DeleteSSHPublicKey DeleteServiceSpecificCredential DeleteSigningCertificate",
  // Rules of a security group only allow, so that taking one out only closes.
  EC2: "RevokeSecurityGroupIngress RevokeSecurityGroupEgress RevokeClientVpnIngress",
  // A grant only allows, and can be made again.
  KMS: "RevokeGrant RetireGrant",
  // A function's policy is made by AddPermission alone, which only allows.
  Lambda: "RemovePermission",
};

const names = new Set(
  Object.entries(revocations).flatMap(([service, list]) => list.split(" ").map((name) => `${service}.${name}`)),
);

/** Whether an operation only takes away access or a secret. */
export const isRevocation = (service: string, operation: string): boolean => names.has(`${service}.${operation}`);
