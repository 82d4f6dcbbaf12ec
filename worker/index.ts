// The entry point of this repository's edge worker. It only adds the policy with which the worker is built, as the entry point of
// any project does.

import policy from "countersign:policy";
import { createEdge } from "./create-edge.ts";

// `createEdge` is called at module scope, so that a policy with a fault cannot be deployed.
export default createEdge(policy);
