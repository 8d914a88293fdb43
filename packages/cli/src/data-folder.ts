/**
 * The server's data folder, for all commands of its operator.
 */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** The option, as commander takes it. */
export const DATA_OPTION = ['--data <dir>', 'where the server keeps its database (default: ~/.famichat-server, or FAMICHAT_DATA)'] as const

/** The folder that the options or the environment name. */
export const dataFolderOf = ({ data }: { readonly data?: string }): string =>
  resolve(data ?? process.env.FAMICHAT_DATA ?? join(homedir(), '.famichat-server'))
