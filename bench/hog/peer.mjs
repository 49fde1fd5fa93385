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

function measure(question) {
    const until = (ms) => {
        const start = performance.now()
        let runs = 0
        let now = start
        while (now - start < ms || runs < 3) {
            run(question)
            runs++
            now = performance.now()
        }
        return ((now - start) * 1000) / runs
    }
    if (question.warm) {
        until(question.warm)
    }
    const samples = [0, 1, 2].map(() => until(question.ms / 3))
    return samples.sort((a, b) => a - b)[1]
}

console.log = () => {}
for await (const line of createInterface({ input: process.stdin })) {
    const question = JSON.parse(line)
    process.stdout.write(JSON.stringify({ us: measure(question), result: hogvm.convertHogToJS(run(question)) ?? null }) + '\n')
}
