/* graphile-worker for queue.js. Its settings: those of its README, and those of its page on performance without and with batching. */
import { Logger, makeWorkerUtils, run, runOnce } from "graphile-worker";

// A local queue of 500, as on that page, was slower here.
const settings = {
	readme: { concurrentJobs: 5, pollInterval: 1000 },
	pool: { concurrentJobs: 24, maxPoolSize: 25 },
	best: {
		concurrentJobs: 24,
		maxPoolSize: 25,
		localQueue: { size: 2000 },
		completeJobBatchDelay: 0,
		failJobBatchDelay: 0,
	},
};
const addJobs = `SELECT count(*) FROM graphile_worker.add_jobs(ARRAY(
	SELECT ('bench', json_build_object('n', n), NULL, NULL, NULL, NULL, NULL, NULL)::graphile_worker.job_spec
	FROM generate_series(1, $1::int) n))`;

function logError(level, message) {
	if (level === "error")
		console.error(message);
}

export async function open(connectionString, name) {
	const shared = { connectionString, logger: new Logger(() => logError) };
	const preset = { worker: { ...shared, ...settings[name] } };
	let utils = null;

	if (!Object.hasOwn(settings, name))
		throw new Error(`graphile-worker has no settings "${name}" here`);

	async function query(...sql) {
		utils ??= await makeWorkerUtils(shared);
		return (await utils.withPgClient((client) => client.query(...sql))).rows;
	}

	return {
		async fill(count) {
			await query("DROP SCHEMA IF EXISTS graphile_worker CASCADE");
			await utils.migrate();
			if (count)
				await query(addJobs, [count]);
			await query("VACUUM ANALYZE graphile_worker._private_jobs");
		},
		async drain() {
			let done = 0;

			await runOnce({ preset, taskList: { bench: () => { done++; } } });
			return done;
		},
		left: async () => (await query("SELECT count(*)::int AS n FROM graphile_worker._private_jobs"))[0].n,
		work: (handler) => run({ preset, taskList: { bench: handler } }),
		drop: () => query("DROP SCHEMA IF EXISTS graphile_worker CASCADE"),
		close: async () => utils?.release(),
	};
}
