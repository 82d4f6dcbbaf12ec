// Does the work of many events in one request. The work of one event is too short to measure, because CPU time is counted in steps
// of ten milliseconds.

import { makeFactorSubjects } from "../factor-subjects.ts";

const subjectsBySize = new Map<number, Record<string, () => unknown>>();

export default {
  async fetch(request: Request): Promise<Response> {
    const { searchParams } = new URL(request.url);
    const bytes = Number(searchParams.get("bytes"));
    const subjects = subjectsBySize.get(bytes) ?? makeFactorSubjects(bytes);
    subjectsBySize.set(bytes, subjects);
    const work = subjects[searchParams.get("subject") ?? ""];
    if (work === undefined) return new Response(null, { status: 404 });
    for (let count = Number(searchParams.get("count")); count > 0; count--) {
      const result = work();
      if (result instanceof Promise) await result;
    }
    return new Response(null, { status: 202 });
  },
};
