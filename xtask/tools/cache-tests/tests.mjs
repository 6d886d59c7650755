// Prints every test of the suite as its command line runs them: what it is, and how it went.
//   node tests.mjs SUITE RESULTS
import fs from 'node:fs'

const [suite, results] = process.argv.slice(2)
const { default: suites } = await import(`${suite}/tests/index.mjs`)
const { default: surrogate } = await import(`${suite}/tests/surrogate-control.mjs`)
const went = JSON.parse(fs.readFileSync(results))

const tests = [...suites, surrogate]
  .flatMap(({ tests }) => tests)
  .filter(test => !test.browser_only)
  .map(({ id, kind = 'required', depends_on: dependsOn = [] }) => ({
    id, kind, depends_on: dependsOn, passed: went[id] === true, said: went[id]?.[1] ?? ''
  }))
console.log(JSON.stringify(tests))
