/*
 * pg-boss for queue.js. Its settings: work() as it comes, a job every two seconds; batches as often as it lets itself be asked to
 * poll; and the same with notifyWorker() when a batch was full, so that the next one is fetched at once.
 */
import PgBoss from "pg-boss";

const settings = {
	readme: {},
	batch: { batchSize: 1000, pollingIntervalSeconds: 0.5 },
	best: { batchSize: 1000, pollingIntervalSeconds: 0.5, notify: true },
};
const atOnce = 10000;

export async function open(connectionString, name) {
	const boss = new PgBoss(connectionString);
	let started = false;

	if (!Object.hasOwn(settings, name))
		throw new Error(`pg-boss has no settings "${name}" here`);
	const { notify = false, ...options } = settings[name];
	boss.on("error", (error) => console.error(error.message));

	async function start() {
		if (!started)
			await boss.start();
		started = true;
	}

	async function query(...sql) {
		await start();
		return (await boss.getDb().executeSql(...sql)).rows;
	}

	async function work(handler) {
		await start();
		const id = await boss.work("bench", options, async (jobs) => {
			for (const job of jobs)
				handler(job);
			if (notify && jobs.length === options.batchSize)
				boss.notifyWorker(id);
		});
	}

	async function drop() {
		await query("DROP SCHEMA pgboss CASCADE");
	}

	return {
		async fill(count) {
			await start();
			await boss.createQueue("bench");
			for (let n = 0; n < count; n += atOnce) {
				const jobs = Array.from({ length: Math.min(atOnce, count - n) }, (_, i) => ({ name: "bench", data: { n: n + i } }));

				await boss.insert(jobs);
			}
			await query("VACUUM ANALYZE pgboss.job");
		},
		drain(count) {
			let done = 0;

			return new Promise((resolve, reject) => {
				work(() => {
					if (++done === count)
						resolve(done);
				}).catch(reject);
			});
		},
		left: async () => (await query("SELECT count(*)::int AS n FROM pgboss.job WHERE name = 'bench' AND state < 'completed'"))[0].n,
		work,
		drop,
		// The process ends after this: its connections need not be waited for.
		close: async () => {},
	};
}
