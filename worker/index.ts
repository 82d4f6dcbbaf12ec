// The entry point of this repository's edge worker. It contains only the policy that the worker is built with, like that of any
// project.

import policy from "countersign:policy";
import { createEdge } from "./create-edge.ts";

// At module scope, so that a policy with a fault cannot be deployed.
export default createEdge(policy);
