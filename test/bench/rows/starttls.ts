/** From nothing to an encrypted connection in every protocol, against the tools, and against TLS at once. */
import type { Line, Row } from '../row.ts';
import { COLUMNS, measureStarttls } from '../starttls-figures.ts';

const ms = (value: number) => `${value.toFixed(1)} ms`;

export const starttlsRow: Row = {
  name: 'starttls',
  needs: ['taskset'],
  async run(bench) {
    const { protocols, start } = await measureStarttls(bench);
    return protocols.flatMap(({ name, upgrade, direct, command, sClient, gnutlsCli }): Line[] => {
      const stated = { cores: 'two cores', goal: null };
      const tools = [
        ['openssl s_client', sClient, start.sClient],
        ['gnutls-cli', gnutlsCli, start.gnutlsCli],
      ] as const;
      return [
        ...tools.flatMap(([tool, whole, started]): Line[] => {
          if (whole === null || started === null) return [];
          const [ours, theirs] = [upgrade['gnutls sync'], whole - started];
          const withStart = { work: `${name}, the command`, ours: ms(command), theirs: `${tool} ${ms(whole)}` };
          const without = { work: `${name}, without start`, ours: ms(ours), theirs: `${tool} ${ms(theirs)}` };
          return [
            { ...stated, ...withStart, ratio: command / whole },
            { ...stated, ...without, ratio: ours / theirs },
          ];
        }),
        ...(direct === null
          ? []
          : COLUMNS.map((column) => ({
              ...stated,
              work: `${name}, upgrade, ${column}`,
              ours: ms(upgrade[column]),
              theirs: `TLS at once ${ms(direct[column])}`,
              ratio: upgrade[column] / direct[column],
            }))),
      ];
    });
  },
};
