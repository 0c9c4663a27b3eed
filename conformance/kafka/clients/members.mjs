/** Members of groups that stay while requests come and go; what the clients of Node have in common. */

/**
 * @param {(request: any, notes: Notes) => Promise<{
 *   commit(offsets: Map<string, [topic: string, partition: number, offset: number]>, metadata?: string): Promise<void>,
 *   seek(topic: string, partition: number, offset: number): Promise<void>,
 *   leave(): Promise<void>,
 * }>} open
 */
export function memberOperations(open) {
  const members = new Map();
  return {
    memberJoin: async (request) => {
      const notes = new Notes();
      const opening = open(request, notes);
      opening.catch((error) => notes.failed(error));
      members.set(request.member, { notes, opening });
      return true;
    },

    memberStatus: async ({ member }) => {
      const { partitions, records, history, error } = members.get(member).notes;
      return { partitions, records, history, error };
    },

    memberCommit: async ({ member, metadata }) => {
      const { notes, opening } = members.get(member);
      const offsets = new Map(notes.positions);
      await (await opening).commit(offsets, metadata);
      return [...offsets.values()]
        .map(([, partition, offset]) => [partition, offset])
        .sort(byNumber);
    },

    memberSeek: async ({ member, topic, partition, offset }) => {
      await (await members.get(member).opening).seek(topic, partition, offset);
      return true;
    },

    memberLeave: async ({ member }) => {
      const { opening } = members.get(member);
      members.delete(member);
      await (await opening).leave();
      return true;
    },
  };
}

function byNumber([a], [b]) {
  return a - b;
}

/** What a member has seen. */
class Notes {
  partitions = [];
  records = [];
  history = [];
  error = null;
  positions = new Map();

  /** `places`: all that it has from now on. */
  assigned(places) {
    this.partitions = places.map(([, partition]) => partition).sort((a, b) => a - b);
    this.history.push(['granted', this.partitions]);
    // Others may have had them meanwhile.
    this.positions.clear();
  }

  received(topic, partition, offset, value) {
    this.records.push([partition, offset, value?.toString() ?? '']);
    this.positions.set(`${topic}-${partition}`, [topic, partition, offset + 1]);
  }

  failed(error) {
    this.error = `${error.name} ${error.type ?? error.code ?? ''}: ${error.message}`;
  }
}
