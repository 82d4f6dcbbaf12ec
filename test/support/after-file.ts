// After each test file. The worker goes on with the next, so what a failed test left running is ended here.

import { afterAll } from "vitest";
import { killPrograms } from "../e2e/running.ts";

afterAll(killPrograms);
