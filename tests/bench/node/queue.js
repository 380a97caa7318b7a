/*
 * usage: node queue.js PEER fill CONNINFO COUNT | PEER drain CONNINFO COUNT | PEER work CONNINFO | PEER drop CONNINFO
 *
 * The peers of wp-jobs work, each by its own library: PEER is graphile-NAME or boss-NAME, NAME one of its settings.
 * fill makes the schema anew and adds COUNT jobs that do nothing. drain does them in this process and prints, tab-separated: jobs
 * a second, CPU seconds, and the process's peak in KiB; time and CPU run from before it connects until no job is left that is
 * not done, so that what starting node costs is not in them. work goes on until SIGTERM, and its handler writes the time it
 * was started at to the FIFO BENCH_STAMPS: microseconds since 1970 in 8 bytes.
 */
import { openSync, writeSync } from "node:fs";

const verbs = { fill: 4, drain: 4, work: 3, drop: 3 };

function usage() {
	console.error("usage: node queue.js PEER fill|drain CONNINFO COUNT | PEER work|drop CONNINFO");
	process.exit(64);
}

function urlOf(conninfo) {
	const { dbname, ...rest } = Object.fromEntries(conninfo.split(" ").map((word) => word.split("=")));
	return `postgres:///${dbname}?${new URLSearchParams(rest)}`;
}

// Date has milliseconds, and the other clock microseconds but no date: where one ticks, they are compared.
function clock() {
	const before = Date.now();
	let now;

	do
		now = Date.now();
	while (now === before);
	const offset = BigInt(now) * 1000n - process.hrtime.bigint() / 1000n;
	return () => process.hrtime.bigint() / 1000n + offset;
}

function stamper() {
	const fd = openSync(process.env.BENCH_STAMPS, "w");
	const now = clock();
	const stamp = Buffer.alloc(8);

	return () => {
		stamp.writeBigInt64LE(now());
		writeSync(fd, stamp);
	};
}

// What was handled need not be marked as done yet.
async function untilNoneIsLeft(peer) {
	const deadline = performance.now() + 30000;
	let left;

	do
		left = await peer.left();
	while (left > 0 && performance.now() < deadline);
	if (left)
		throw new Error(`${left} jobs are left`);
}

async function drain(peer, count) {
	const cpu = process.cpuUsage();
	const began = performance.now();

	const done = await peer.drain(count);
	await untilNoneIsLeft(peer);
	const seconds = (performance.now() - began) / 1000;
	const { user, system } = process.cpuUsage(cpu);
	if (done !== count)
		throw new Error(`${done} jobs were done of ${count}`);
	return [(count / seconds).toFixed(2), ((user + system) / 1e6).toFixed(6), process.resourceUsage().maxRSS].join("\t");
}

const [name, verb, conninfo, countText] = process.argv.slice(2);
if (!Object.hasOwn(verbs, verb ?? "") || process.argv.length !== verbs[verb] + 2)
	usage();
const count = Number(countText ?? 0);
const [module, preset] = (name ?? "").split("-", 2);
const { open } = await import(`./${module}.js`);
const peer = await open(urlOf(conninfo), preset);
if (verb === "fill") {
	await peer.fill(count);
} else if (verb === "drain") {
	console.log(await drain(peer, count));
} else if (verb === "drop") {
	await peer.drop();
} else {
	const stop = new Promise((resolve) => process.once("SIGTERM", resolve));
	await peer.work(stamper());
	await stop;
}
await peer.close();
process.exit(0);
