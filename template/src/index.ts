import { createEdge } from "countersign/edge";
import policy from "../policy.json";

export default createEdge(policy); // a policy with a fault cannot be deployed
