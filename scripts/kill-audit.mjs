// `node scripts/kill-audit.mjs [moments]`: kills writers with SIGKILL at random moments, 1,000 unless told
// otherwise; none may lose what it acknowledged.
import { audit } from "./audit-proof.mjs";

const [moments = "1000"] = process.argv.slice(2);
audit(["test/audit/crash.test.ts", "test/crash"], { CRASH_MOMENTS: moments });
