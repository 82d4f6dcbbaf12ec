// The entry point of this repository's edge worker. It only adds the policy with which the worker is built. The entry point of a
// user's own project does the same.

import policy from "countersign:policy";
import { createEdge } from "./create-edge.ts";

// `createEdge` is called at module scope, so that a policy with a fault cannot be deployed.
export default createEdge(policy);
