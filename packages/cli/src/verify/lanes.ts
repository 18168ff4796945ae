/**
 * Works through tasks on several lanes at once, each lane on one task at a time; results in the tasks' order. The first
 * failure stops every lane before its next task, and rejects.
 */
export async function runOnLanes<Lane, Task, Result>(
  lanes: readonly Lane[],
  tasks: readonly Task[],
  work: (lane: Lane, task: Task) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(tasks.length);
  let next = 0;
  let failed = false;
  const drain = async (lane: Lane) => {
    while (next < tasks.length && !failed) {
      const index = next++;
      try {
        results[index] = await work(lane, tasks[index] as Task);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const settled = await Promise.allSettled(lanes.map(drain));
  for (const outcome of settled) if (outcome.status === 'rejected') throw outcome.reason;
  return results;
}
