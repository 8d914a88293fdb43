/**
 * Devices of one's own account: devices, revoke.
 */
import type { Command } from 'commander'
import { type GlobalOptions, type Session, sessionOf, withClient } from '../session.js'

/** Adds the commands. */
export const addDeviceCommands = (program: Command): void => {
  program.command('devices')
    .summary('list your devices')
    .description('Lists the devices of your account.')
    .addHelpText('after', '\nExample:\n  famichat devices')
    .action(async (_options: unknown, command: Command) => { await devices(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
  program.command('revoke')
    .summary('shut a lost device out')
    .description('Shuts a device of yours out: the server refuses it at once, and it is removed from every conversation.')
    .argument('<device>', 'the id of the device, or its beginning')
    .addHelpText('after', '\nExample:\n  famichat revoke 3kTq')
    .action(async (device: string, _options: unknown, command: Command) => { await revoke(sessionOf(command.optsWithGlobals<GlobalOptions>()), device) })
}

const devices = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    for (const { deviceId, isThisDevice, isRevoked } of await client.devices()) {
      const remark = isThisDevice ? '  (this device)' : isRevoked ? '  (revoked)' : ''
      session.output.say(deviceId + remark, { type: 'device', device: deviceId, isThisDevice, isRevoked })
    }
  })

const revoke = (session: Session, device: string): Promise<void> =>
  withClient(session, async (client) => {
    const deviceId = await client.revokeDevice(device)
    session.output.say(`The device ${deviceId} is shut out.`, { type: 'revoked', device: deviceId })
  })
