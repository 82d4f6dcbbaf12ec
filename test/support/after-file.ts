// Runs after each test file. Ends the programs that a failed test left running, because the same process runs the next test file.

import { afterAll } from "vitest";
import { killPrograms } from "./running.ts";

afterAll(killPrograms);
