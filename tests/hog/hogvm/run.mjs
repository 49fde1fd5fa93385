// Runs bytecode on PostHog's own VM: JSON lines in, JSON lines out, one answer for each question and in the same order.
//
// A question: {"bytecode": [...], "globals": {...}, "answers": [...], "timeout": 2000}. Calls of fetch, sleep and
// postHogCapture get the answers in turn (null once they run out) and are listed in the result. An answer:
// {"result": ..., "printed": "<result as print() shows it>", "prints": [...], "calls": [[name, args], ...], "error": null or
// {"name", "message", "type", "payload"}}. What JSON cannot carry (NaN, functions, dates) is best compared by "printed".

import crypto from 'node:crypto'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

import { RE2JS } from 're2js'

const hogvm = createRequire(import.meta.url)('@posthog/hogvm')

const asyncFunctions = Object.fromEntries(
    ['fetch', 'sleep', 'postHogCapture', 'posthogCapture'].map((name) => [name, () => null])
)

const patterns = new Map()

function pattern(regex) {
    if (!patterns.has(regex)) {
        if (patterns.size > 1000) {
            patterns.clear()
        }
        patterns.set(regex, RE2JS.compile(regex))
    }
    return patterns.get(regex)
}

const external = {
    crypto,
    regex: {
        match: (regex, value) => pattern(regex).matcher(value).find(),
        extract: (regex, value) => {
            const matcher = pattern(regex).matcher(value)
            return matcher.find() ? (matcher.groupCount() > 0 ? (matcher.group(1) ?? '') : matcher.group(0)) : ''
        },
    },
}

// console.log is how the VM prints; keep what it is given, joined the way it joins.
let prints = []
const log = (...args) => prints.push(args.map((arg) => (typeof arg === 'string' ? arg : String(arg))).join(' '))

function describe(error) {
    const { message, type, payload } = error
    return { name: kind(error), message, type: type ?? null, payload: jsonable(payload) }
}

// The VM's classes are renamed when it is packed.
function kind(error) {
    if (error instanceof hogvm.UncaughtHogVMException) {
        return 'UncaughtHogVMException'
    }
    return error instanceof hogvm.HogVMException ? 'HogVMException' : error.constructor.name
}

function run({ bytecode, globals = {}, answers = [], timeout = 2000 }) {
    prints = []
    const calls = []
    const options = { globals, asyncFunctions, external, timeout, maxAsyncSteps: 100 }
    let input = bytecode
    try {
        for (;;) {
            const step = hogvm.exec(input, options)
            if (step.error) {
                throw step.error
            }
            if (step.finished) {
                const printed = String(hogvm.printHogStringOutput(step.result))
                return { result: jsonable(step.result), printed, prints, calls, error: null }
            }
            calls.push([step.asyncFunctionName, jsonable(step.asyncFunctionArgs)])
            step.state.stack.push(calls.length <= answers.length ? answers[calls.length - 1] : null)
            input = step.state
        }
    } catch (error) {
        return { result: null, printed: null, prints, calls, error: describe(error) }
    }
}

function jsonable(value) {
    const js = hogvm.convertHogToJS(value)
    try {
        return JSON.parse(JSON.stringify(js ?? null))
    } catch {
        return null
    }
}

console.log = log
for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim()) {
        process.stdout.write(JSON.stringify(run(JSON.parse(line))) + '\n')
    }
}
