// Entry of this repository's edge worker: the policy that it is built with, its mark, and nothing else.

import policy from "countersign:policy";
import mark from "countersign:policy-mark";
import { createCheckedEdge } from "./create-edge.ts";

// At module scope, so that a policy with a fault, or that was not checked, cannot be deployed.
export default createCheckedEdge(policy, mark);
