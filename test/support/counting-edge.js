// The edge with a dataset that also prints each data point, because the simulator of the dataset stores none. If a request has the
// header Test-Fault, the dataset throws an error. This file is JavaScript, because the types of the platform contradict the types
// of Node.

import edge from "../../worker/index.ts";

function withPrinter(bindings, fault) {
  const writeDataPoint = (point) => {
    if (fault !== null) throw new TypeError(fault);
    bindings.DECISIONS.writeDataPoint(point);
    console.log(JSON.stringify({ decision: "point", point }));
  };
  return { ...bindings, DECISIONS: { writeDataPoint } };
}

export default {
  fetch: (request, bindings, execution) =>
    edge.fetch(request, withPrinter(bindings, request.headers.get("Test-Fault")), execution),
};
