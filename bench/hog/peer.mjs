// The peer: PostHog's own VM, timed on questions that come as JSON lines and answered with microseconds a run.
//
// A question: {"bytecode": [...], "globals": {...}, "inputs": tree or null, "answers": [...], "ms": 200}. With inputs, a run
// first evaluates every bytecode in that tree, as PostHog does for a destination. Regular expressions are compiled once and
// kept, as its newer hosts do.

import crypto from 'node:crypto'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(new URL('../../tests/hog/hogvm/', import.meta.url))
const hogvm = require('@posthog/hogvm')
const { RE2JS } = require('re2js')

const patterns = new Map()
const pattern = (regex) => {
    if (!patterns.has(regex)) {
        patterns.set(regex, RE2JS.compile(regex))
    }
    return patterns.get(regex)
}
const external = { crypto, regex: { match: (regex, value) => pattern(regex).matcher(value).find() } }
const asyncFunctions = { fetch: () => null }

function render(tree, globals) {
    if (Array.isArray(tree)) {
        if (tree[0] === '_H') {
            const step = hogvm.exec(tree, { globals, external, timeout: 5000 })
            if (step.error) {
                throw step.error
            }
            return hogvm.convertHogToJS(step.result)
        }
        return tree.map((item) => render(item, globals))
    }
    if (tree && typeof tree === 'object') {
        return Object.fromEntries(Object.entries(tree).map(([key, item]) => [key, render(item, globals)]))
    }
    return tree
}

function run({ bytecode, globals, inputs, answers }) {
    const scope = inputs ? { ...globals, inputs: render(inputs, globals) } : globals
    const options = { globals: scope, asyncFunctions, external, timeout: 60000, maxAsyncSteps: 5 }
    let input = bytecode
    for (let calls = 0; ; calls++) {
        const step = hogvm.exec(input, options)
        if (step.error) {
            throw step.error
        }
        if (step.finished) {
            return step.result
        }
        step.state.stack.push(answers[calls])
        input = step.state
    }
}

const STRETCH_MS = 2

// Microseconds a run: the median of stretches so short that few of them lose the processor to someone else.
function measure(question) {
    const stretches = (ms) => {
        const samples = []
        const start = performance.now()
        for (let now = start; now - start < ms || samples.length < 3; ) {
            const from = now
            let runs = 0
            do {
                run(question)
                runs++
                now = performance.now()
            } while (now - from < STRETCH_MS)
            samples.push(((now - from) * 1000) / runs)
        }
        return samples.sort((a, b) => a - b)[samples.length >> 1]
    }
    if (question.warm) {
        stretches(question.warm)
    }
    return stretches(question.ms)
}

console.log = () => {}
for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line)
    process.stdout.write(JSON.stringify({ us: measure(question), result: hogvm.convertHogToJS(run(question)) ?? null }) + '\n')
}
