// ortune devices and ortune doctor: where this machine can train, and what is missing where it cannot.

import type { Command } from 'commander';
import { UsageError } from '../errors.js';
import { formatNumber } from '../format.js';
import { type DeviceKind, deviceKinds } from '../lower/target.js';
import { execute } from './command.js';
import { addOutputFlags } from './flags.js';

const nameWidth = 8;

export function addDevices(program: Command): void {
  const devices = program.command('devices').description('try every device and list which of them work, and how fast');
  addOutputFlags(devices).action((flags) =>
    execute(flags, async () => {
      const { chooseDevice, probeDevices } = await import('../runtime/probe.js');
      const reports = await probeDevices();
      const auto = chooseDevice(reports);
      const lines = reports.map((r) => {
        const rate = `works: ${formatNumber(r.gflops ?? 0)} GFLOP/s at a product of ${r.size} rows; ${r.precisions?.join(', ')}`;
        return `${r.name.padEnd(nameWidth)}${r.works ? rate : r.reason}`;
      });
      return { json: { devices: reports, auto }, text: [...lines, `auto is ${auto.name}: ${auto.why}`].join('\n') };
    }),
  );

  const doctor = program
    .command('doctor')
    .description(
      'look for what devices need: drivers, libraries, the parts of the runtime; with the command for what is missing',
    )
    .argument('[device]', `${deviceKinds.join(', ')}; all of them without it`);
  addOutputFlags(doctor).action((device: string | undefined, flags) =>
    execute(flags, async () => {
      if (device !== undefined && !deviceKinds.includes(device as DeviceKind))
        throw new UsageError(`doctor takes ${deviceKinds.join(', ')}, found '${device}'`);
      const { examineMachine } = await import('../runtime/doctor.js');
      const found = examineMachine().filter((finding) => device === undefined || finding.device === device);
      const lines = found.map(
        ({ device, what, ok, found, fix }) =>
          `${device.padEnd(nameWidth)}${ok ? 'ok      ' : 'missing '} ${what}: ${found}${fix ? `\n${' '.repeat(nameWidth)}         ${fix}` : ''}`,
      );
      // The CPU is always needed, of the others only the one requested.
      const ok = found.every((f) => f.ok || (device === undefined && f.device !== 'cpu'));
      return { json: { findings: found }, text: lines.join('\n'), ok };
    }),
  );
}
