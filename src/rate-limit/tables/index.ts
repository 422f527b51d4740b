export { awsLimits } from "./aws.ts";
export { azureLimits } from "./azure.ts";
export { gcpLimits } from "./gcp.ts";
export { hetznerLimits } from "./hetzner.ts";
export { kubernetesLimits } from "./kubernetes.ts";
export { openstackLimits } from "./openstack.ts";
