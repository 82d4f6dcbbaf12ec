// Entry of this repository's edge worker, as that of any project is: the policy that it is built with, and nothing else.

import policy from "countersign:policy";
import { createEdge } from "./create-edge.ts";

// At module scope, so that a policy with a fault cannot be deployed.
export default createEdge(policy);
