/**
 * Devices and who they belong to: devices, name-device, revoke, approve, refuse, end-account, role, families.
 */
import { type Command, Option } from 'commander'
import { Asking } from '../ask.js'
import { UsageError } from '../failure.js'
import { type GlobalOptions, type Session, sessionOf, withClient } from '../session.js'

interface EndOptions extends GlobalOptions {
  readonly yes?: boolean
}

interface RoleOptions extends GlobalOptions {
  readonly family?: 'adult' | 'guardian' | 'child'
  readonly community?: 'member' | 'admin'
}

/** Adds the commands. */
export const addDeviceCommands = (program: Command): void => {
  program.command('devices')
    .summary('list your devices')
    .description('Lists the devices of your account.')
    .addHelpText('after', '\nExample:\n  famichat devices')
    .action(async (_options: unknown, command: Command) => { await devices(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
  program.command('name-device')
    .summary('call a device of yours something')
    .description('Calls a device of yours something. Your other devices hear of it; the server and other people do not.')
    .argument('<device>', 'the id of the device, or its beginning')
    .argument('<name>', 'what it is called from now on')
    .addHelpText('after', '\nExample:\n  famichat name-device 3kTq "Kitchen tablet"')
    .action(async (device: string, name: string, _options: unknown, command: Command) => { await nameDevice(sessionOf(command.optsWithGlobals<GlobalOptions>()), device, name) })
  program.command('revoke')
    .summary('shut a lost device out')
    .description('Shuts a device of yours out: the server refuses it at once, and it is removed from every conversation.')
    .argument('<device>', 'the id of the device, or its beginning')
    .addHelpText('after', '\nExample:\n  famichat revoke 3kTq')
    .action(async (device: string, _options: unknown, command: Command) => { await revoke(sessionOf(command.optsWithGlobals<GlobalOptions>()), device) })
  program.command('approve')
    .summary('let a child\'s device in')
    .description('Lets a device of a child of your family in; without an argument, lists those that wait.')
    .argument('[device]', 'the id of the device, or its beginning')
    .addHelpText('after', '\nExamples:\n  famichat approve           who waits?\n  famichat approve 3kTq')
    .action(async (device: string | undefined, _options: unknown, command: Command) => { await approve(sessionOf(command.optsWithGlobals<GlobalOptions>()), device) })
  program.command('refuse')
    .summary('turn a child\'s waiting device away')
    .description('Turns a device of a child of your family away for good, before it was let in.')
    .argument('<device>', 'the id of the device, or its beginning')
    .addHelpText('after', '\nExample:\n  famichat refuse 3kTq')
    .action(async (device: string, _options: unknown, command: Command) => { await refuse(sessionOf(command.optsWithGlobals<GlobalOptions>()), device) })
  program.command('end-account')
    .summary('end a person\'s account')
    .description('Ends the account of a person for good: the server refuses all its devices at once, and they are removed from the conversations. For admins of the community, for guardians in their family, and for adults their own account. What was said stays with those who have it.')
    .argument('<name>', 'the person')
    .option('--yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  famichat end-account Ben')
    .action(async (name: string, _options: unknown, command: Command) => { await endAccount(command.optsWithGlobals<EndOptions>(), name) })
  program.command('role')
    .summary('give a person another role')
    .description('Gives a person another role in their family, for its guardians, or in the community, for its admins. The community keeps an admin, and each family a guardian.')
    .argument('<name>', 'the person')
    .addOption(new Option('--family <role>', 'their role in the family').choices(['adult', 'guardian', 'child']))
    .addOption(new Option('--community <role>', 'their role in the community').choices(['member', 'admin']))
    .addHelpText('after', '\nExamples:\n  famichat role Ben --family guardian\n  famichat role Ben --community admin')
    .action(async (name: string, _options: unknown, command: Command) => { await changeRole(command.optsWithGlobals<RoleOptions>(), name) })
  program.command('families')
    .summary('list the families and their people')
    .description('Lists the families of the community with their people, yours first.')
    .addHelpText('after', '\nExample:\n  famichat families')
    .action(async (_options: unknown, command: Command) => { await families(sessionOf(command.optsWithGlobals<GlobalOptions>())) })
}

const devices = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    for (const { deviceId, isThisDevice, isRevoked, isPending, name } of await client.devices()) {
      const remark = isThisDevice ? '  (this device)' : isRevoked ? '  (revoked)' : isPending ? '  (waits for a guardian)' : ''
      session.output.say(`${deviceId}${name === undefined ? '' : `  ${name}`}${remark}`, { type: 'device', device: deviceId, name, isThisDevice, isRevoked, isPending })
    }
  })

const nameDevice = (session: Session, device: string, name: string): Promise<void> =>
  withClient(session, async (client) => {
    await client.nameDevice(device, name)
    session.output.say(`The device is called ${name} now.`, { type: 'device_named', device, name })
  })

const revoke = (session: Session, device: string): Promise<void> =>
  withClient(session, async (client) => {
    const deviceId = await client.revokeDevice(device)
    session.output.say(`The device ${deviceId} is shut out.`, { type: 'revoked', device: deviceId })
  })

const approve = (session: Session, device: string | undefined): Promise<void> =>
  withClient(session, async (client) => {
    if (device !== undefined) {
      const { deviceId, name } = await client.community.approveDevice(device)
      session.output.say(`The device ${deviceId.slice(0, 8)} of ${name} is in.`, { type: 'approved', device: deviceId, name })
      return
    }
    const waiting = await client.community.pendingDevices()
    for (const { deviceId, name, deviceName } of waiting) session.output.say(`${deviceId}  ${name}${deviceName === undefined ? '' : `: ${deviceName}`}`, { type: 'pending_device', device: deviceId, name, deviceName })
    if (waiting.length === 0) session.output.note('No device of a child waits for you.')
  })

const refuse = (session: Session, device: string): Promise<void> =>
  withClient(session, async (client) => {
    const { deviceId, name } = await client.community.refuseDevice(device)
    session.output.say(`The device ${deviceId.slice(0, 8)} of ${name} is turned away.`, { type: 'refused_device', device: deviceId, name })
  })

const endAccount = async (options: EndOptions, name: string): Promise<void> => {
  const session = sessionOf(options)
  if (options.yes !== true) await confirm(name)
  await withClient(session, async (client) => {
    await client.community.endAccount(name)
    session.output.say(`The account of ${name} has ended; none of its devices gets in any more.`, { type: 'account_ended', name })
  })
}

const changeRole = async (options: RoleOptions, name: string): Promise<void> => {
  const { family: familyRole, community } = options
  if (familyRole === undefined && community === undefined) throw new UsageError('say which role: --family adult, guardian or child, or --community member or admin')
  const session = sessionOf(options)
  await withClient(session, async (client) => {
    await client.community.changeRoles(name, { familyRole, isCommunityAdmin: community === undefined ? undefined : community === 'admin' })
    const roles = [familyRole && `${familyRole} in the family`, community && `${community} of the community`].filter((role) => role !== undefined)
    session.output.say(`${name} is now ${roles.join(' and ')}.`, { type: 'role', name, familyRole, communityRole: community })
  })
}

/** It cannot be taken back: whoever types it says the name twice. */
const confirm = async (name: string): Promise<void> => {
  const asking = new Asking()
  try {
    if (await asking.line(`This cannot be undone. Type the name again to end the account of ${name}: `) !== name) throw new UsageError('that is not the same name: nothing was done')
  } finally {
    asking.close()
  }
}

const families = (session: Session): Promise<void> =>
  withClient(session, async (client) => {
    for (const { familyId, name, isOwn, members } of await client.community.families()) {
      const people = members.map((member) => `\n  ${member.name}  ${member.familyRole}${member.isCommunityAdmin ? ', admin of the community' : ''}`)
      session.output.say(`${name}${isOwn ? '  (yours)' : ''}${people.join('')}`, { type: 'family', family: familyId, name, isOwn, members })
    }
  })
