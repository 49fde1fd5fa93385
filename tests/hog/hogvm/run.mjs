// Runs bytecode on PostHog's own VM: JSON lines in, JSON lines out, one answer for each question and in the same order.
//
// A question: {"bytecode": [...], "globals": {...}, "answers": [...], "timeout": 2000}. Calls of fetch, sleep and
// postHogCapture get the answers in turn (null once they run out) and are listed in the result. An answer:
// {"result": ..., "printed": "<result as print() shows it>", "prints": [...], "calls": [[name, args], ...], "error": null or
// {"name", "message", "type", "payload"}}. What JSON cannot carry (NaN, functions, dates) is best compared by "printed",
// and arguments by "called", the calls as print() shows them.
//
// With "mended": true it runs on a VM in which one fault of 1.0.71 is mended: there a closure that captures a variable takes
// over what an older closure kept of another variable that had the same place on the stack.

import crypto from 'node:crypto'
import { readFileSync } from 'node:fs'
import Module, { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

import { RE2JS } from 're2js'

const require = createRequire(import.meta.url)
const hogvm = require('@posthog/hogvm')

function mended() {
    const file = require.resolve('@posthog/hogvm')
    const source = readFileSync(file, 'utf8')
    const fault = 'if (sortedUpValues[i].location === index) return'
    if (source.split(fault).length !== 2) {
        throw new Error('this release has another captureUpValue')
    }
    const copy = new Module(file)
    copy.filename = file
    copy.paths = Module._nodeModulePaths(file)
    copy._compile(source.replace(fault, 'if (sortedUpValues[i].location === index && !sortedUpValues[i].closed) return'), file)
    return copy.exports
}

const vms = { false: hogvm, true: mended() }

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
        match: (regex, value) => pattern(String(regex)).matcher(String(value)).find(),
        extract: (regex, value) => {
            const matcher = pattern(String(regex)).matcher(String(value))
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

const shown = (value) => String(hogvm.printHogStringOutput(value))

// The VM's classes are renamed when it is packed.
function kind(error) {
    for (const vm of Object.values(vms)) {
        if (error instanceof vm.UncaughtHogVMException) {
            return 'UncaughtHogVMException'
        }
        if (error instanceof vm.HogVMException) {
            return 'HogVMException'
        }
    }
    return error.constructor.name
}

function run({ bytecode, globals = {}, answers = [], timeout = 2000, mended = false }) {
    const vm = vms[mended]
    prints = []
    const calls = []
    const called = []
    const options = { globals, asyncFunctions, external, timeout, maxAsyncSteps: 100 }
    let input = bytecode
    try {
        for (;;) {
            const step = vm.exec(input, options)
            if (step.error) {
                throw step.error
            }
            if (step.finished) {
                return { result: jsonable(step.result), printed: shown(step.result), prints, calls, called, error: null }
            }
            calls.push([step.asyncFunctionName, jsonable(step.asyncFunctionArgs)])
            called.push(`${step.asyncFunctionName}${shown(step.asyncFunctionArgs)}`)
            step.state.stack.push(calls.length <= answers.length ? answers[calls.length - 1] : null)
            input = step.state
        }
    } catch (error) {
        return { result: null, printed: null, prints, calls, called, error: describe(error) }
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
