/*
 * usage: node drain.js CONNINFO COUNT best|unbatched
 *
 * The peer of wp-jobs work: one process of graphile-worker drains COUNT jobs that do nothing.
 * Timed from connecting until no row is left; starting node and adding the jobs are not. Prints jobs
 * a second. The schema graphile_worker is made here and dropped here.
 */
import { Logger, makeWorkerUtils, runOnce } from "graphile-worker";

// Those of its page on performance, with and without batching; its localQueue of 500 was slower here.
const presets = {
	best: {
		concurrentJobs: 24,
		maxPoolSize: 25,
		localQueue: { size: 2000 },
		completeJobBatchDelay: 0,
		failJobBatchDelay: 0,
	},
	unbatched: { concurrentJobs: 24, maxPoolSize: 25 },
};
const drop = "DROP SCHEMA IF EXISTS graphile_worker CASCADE";
const fill = `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
	SELECT ('bench', json_build_object('n', n), NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
	FROM generate_series(1, $1::int) n))`;

function usage() {
	console.error("usage: node drain.js CONNINFO COUNT best|unbatched");
	process.exit(64);
}

function connectionString(conninfo) {
	const { dbname, ...rest } = Object.fromEntries(conninfo.split(" ").map((word) => word.split("=")));
	return `postgres:///${dbname}?${new URLSearchParams(rest)}`;
}

function logError(level, message) {
	if (level === "error")
		console.error(message);
}

async function addJobs(utils, count) {
	await utils.withPgClient((client) => client.query(drop));
	await utils.migrate();
	await utils.withPgClient((client) => client.query(fill, [count]));
	await utils.withPgClient((client) => client.query("VACUUM ANALYZE graphile_worker._private_jobs"));
}

async function jobsLeft(utils) {
	const { rows } = await utils.withPgClient((client) =>
		client.query("SELECT count(*)::int AS left FROM graphile_worker._private_jobs"));
	return rows[0].left;
}

// Without batches runOnce resolves while its last deletions are still on their way.
async function waitForDeletions(utils) {
	const deadline = performance.now() + 10000;
	let left;

	do
		left = await jobsLeft(utils);
	while (left > 0 && performance.now() < deadline);
	return left;
}

async function drain(utils, preset) {
	const began = performance.now();
	let done = 0;

	await runOnce({ preset, taskList: { bench: () => { done++; } } });
	const left = await waitForDeletions(utils);
	return { done, left, seconds: (performance.now() - began) / 1000 };
}

const [conninfo, countText, name] = process.argv.slice(2);
const count = Number(countText);
if (process.argv.length !== 5 || !(count > 0) || !Object.hasOwn(presets, name))
	usage();
const shared = { connectionString: connectionString(conninfo), logger: new Logger(() => logError) };
const preset = { worker: { ...shared, ...presets[name] } };
const utils = await makeWorkerUtils(shared);
await addJobs(utils, count);
const { done, left, seconds } = await drain(utils, preset);
await utils.withPgClient((client) => client.query(drop));
await utils.release();
if (done !== count || left !== 0) {
	console.error(`drain.js: ${done} jobs were done of ${count}, ${left} are left`);
	process.exit(1);
}
console.log((count / seconds).toFixed(0));
