/**
 * What each route does: one line per route, typed by the table in @famichat/protocol.
 */
import { DeviceState, PROTOCOL_VERSION, ProtocolError, type RouteAuthOf, type RouteName, type RouteRequest, type RouteResponse } from '@famichat/protocol'
import { listAudit } from '../accounts/audit.js'
import { extendDeviceList, readDeviceLists, recoverDeviceLists } from '../accounts/device-lists.js'
import { approveDevice, readDirectory, revokeDevice } from '../accounts/devices.js'
import { endAccount } from '../accounts/ending.js'
import { changeRole } from '../accounts/families.js'
import { createInvite, type InviteProof, listInvites, revokeInvite } from '../accounts/invites.js'
import { claimKeyPackages, countKeyPackages, uploadKeyPackages } from '../accounts/key-packages.js'
import { collectAnswer, openLink, postAnswer, postOffer, readOffer } from '../accounts/links.js'
import { joinWithInvite, recoverDevice, registerDevice } from '../accounts/registration.js'
import { returnDeviceLists } from '../accounts/returned-device-lists.js'
import { type RefreshBook, refreshToken } from '../accounts/refresh-tokens.js'
import { type ChallengeBook, issueToken, type RegisteredDevice } from '../accounts/tokens.js'
import { withinScope } from '../accounts/token-scopes.js'
import { appendToBlob, createBlob, deleteBlob, listInbox, readBlob, readBlobState } from '../blobs/blobs.js'
import { acceptCommit } from '../delivery/commits.js'
import { createConversation, listConversations, readGroupInfo, readRoster } from '../delivery/conversations.js'
import { leaveConversation } from '../delivery/leaving.js'
import { readLog } from '../delivery/log.js'
import { returnEntries } from '../delivery/returned-entries.js'
import { listReadds, type ReaddCalls, requestReadd } from '../delivery/readds.js'
import { listRefusals } from '../delivery/refusals.js'
import { listWelcomes, readWelcome } from '../delivery/welcomes.js'
import { readBundle, replaceBundle } from '../passkeys/bundles.js'
import { listPasskeys, makeCreationOptions, registerPasskey, removePasskey } from '../passkeys/passkeys.js'
import { makeSignInOptions, signInWithPasskey } from '../passkeys/sign-in.js'
import { subscribe, unsubscribe } from '../push/subscriptions.js'
import type { TokenBuckets } from '../rate-limits.js'
import type { AuthenticatedDevice, Services } from '../services.js'

/** Who calls, as far as the route's kind demands to know. */
export interface Callers {
  readonly none: undefined
  readonly invite: InviteProof
  readonly registered: RegisteredDevice
  readonly device: AuthenticatedDevice
}

/** A call of a route. */
export interface Call<Name extends RouteName> {
  readonly caller: Callers[RouteAuthOf<Name>]
  readonly request: RouteRequest<Name>
  /** Origins the caller may have signed. */
  readonly origins: readonly string[]
}

/** One handler for each route. */
export type Handlers = { readonly [Name in RouteName]: (call: Call<Name>) => Promise<RouteResponse<Name>> | RouteResponse<Name> }

/** The handlers of this server. */
export const makeHandlers = (
  services: Services, { challenges, passkeyChallenges, refreshes, claims, calls, push }: {
    readonly challenges: ChallengeBook; readonly passkeyChallenges: ChallengeBook; readonly refreshes: RefreshBook; readonly claims: TokenBuckets
    /** Whom connected members help. */
    readonly calls: ReaddCalls
    /** The key to subscribe with, and the push services that are taken besides the browsers' makers'. */
    readonly push: { readonly publicKey: Uint8Array; readonly services: readonly string[] }
  },
): Handlers => {
  const { read } = services.database
  const nowMs = (): number => services.clock.nowMs()
  return {
    serverInfo: () => ({ product: 'famichat', protocolVersion: PROTOCOL_VERSION, serverTimeMs: nowMs() }),

    join: ({ caller, request, origins }) => joinWithInvite(services, caller, request, origins),
    directory: () => readDirectory(services),

    accountEnd: ({ caller, request }) => endAccount(services, caller, request),
    roleChange: ({ caller, request }) => changeRole(services, caller, request),
    auditList: ({ caller }) => listAudit(services, caller),

    inviteCreate: ({ caller, request }) => createInvite(services, caller, request),
    inviteList: ({ caller }) => listInvites(services, caller),
    inviteRevoke: ({ caller, request }) => revokeInvite(services, caller, request),

    tokenChallenge: () => ({ nonce: challenges.make(nowMs()), serverTimeMs: nowMs() }),
    tokenIssue: ({ request, origins }) => issueToken(services, challenges, request, origins),
    tokenRefresh: ({ request, origins }) => refreshToken(services, refreshes, request, origins),

    linkOpen: ({ caller }) => openLink(services, caller),
    linkOffer: ({ request }) => postOffer(services, request),
    linkRead: ({ caller, request }) => readOffer(services, caller, request.linkId),
    linkAnswer: ({ caller, request }) => postAnswer(services, caller, request),
    linkCollect: ({ request }) => collectAnswer(services, request.linkId),
    deviceRegister: ({ request, origins }) => registerDevice(services, request, origins),
    deviceRecover: ({ request, origins }) => recoverDevice(services, request, { origins, calls }),
    deviceState: ({ caller }) => ({ state: caller.isPending ? DeviceState.pending : DeviceState.active }),
    deviceApprove: ({ caller, request }) => approveDevice(services, caller, request.deviceId),
    deviceRevoke: ({ caller, request }) => revokeDevice(services, caller, request),

    deviceListAppend: ({ caller, request }) => extendDeviceList(services, caller, request),
    deviceListRead: ({ request }) => readDeviceLists(services, request),
    deviceListReturn: ({ request }) => returnDeviceLists(services, request),
    deviceListRecover: ({ request, origins }) => recoverDeviceLists(services, challenges, request, origins),

    passkeyCreationOptions: ({ caller }) => makeCreationOptions(services, passkeyChallenges, caller),
    passkeyRegister: ({ caller, request }) => registerPasskey(services, passkeyChallenges, caller, request),
    passkeyList: ({ caller }) => listPasskeys(read, caller),
    passkeyRemove: ({ caller, request }) => removePasskey(services, caller, request.passkeyId),
    passkeySignInOptions: () => makeSignInOptions(services, passkeyChallenges),
    passkeySignIn: ({ request }) => signInWithPasskey(services, passkeyChallenges, request),
    bundleRead: ({ caller }) => readBundle(read, caller.accountId),
    bundleReplace: ({ caller, request }) => replaceBundle(services, caller, request),

    pushKey: () => ({ publicKey: push.publicKey }),
    pushSubscribe: ({ caller, request }) => subscribe(services, caller, { request, more: push.services }),
    pushUnsubscribe: ({ caller }) => unsubscribe(services, caller),

    keyPackageUpload: ({ caller, request }) => uploadKeyPackages(services, caller, request.keyPackages),
    keyPackageCount: ({ caller }) => countKeyPackages(read, caller.deviceId, nowMs()),
    keyPackageClaim: ({ caller, request }) => {
      // any member may begin a conversation with any other (SECURITY.md); its devices share one allowance (E19)
      if (!claims.take(`${caller.accountId} ${request.accountId}`)) throw new ProtocolError('protocol.rate.limited')
      return claimKeyPackages(services, caller, request)
    },

    conversationCreate: ({ caller, request }) => createConversation(services, caller, request),
    conversationList: async ({ caller }) => ({ conversations: withinScope(caller, (await listConversations(services, caller)).conversations) }),
    conversationRoster: ({ caller, request }) => readRoster(services, caller, request.conversationId),
    conversationGroupInfo: ({ caller, request }) => readGroupInfo(services, caller, request.conversationId),
    conversationCommit: ({ caller, request }) => acceptCommit(services, caller, request),
    conversationReadd: ({ caller, request }) => requestReadd(services, caller, { request, calls }),
    conversationLeave: ({ caller, request }) => leaveConversation(services, caller, request),
    readdList: async ({ caller }) => ({
      requests: withinScope(caller, await listReadds(services, caller)), refusals: withinScope(caller, await listRefusals(services, caller)),
    }),

    blobCreate: ({ caller, request }) => createBlob(services, caller, request),
    blobAppend: ({ caller, request }) => appendToBlob(services, caller, request),
    blobState: ({ caller, request }) => readBlobState(services, caller, request.blobId),
    blobRead: ({ caller, request }) => readBlob(services, caller, request),
    blobInbox: ({ caller }) => listInbox(services, caller),
    blobDelete: ({ caller, request }) => deleteBlob(services, caller, request.blobId),

    logReturn: ({ caller, request }) => returnEntries(services, caller, request),
    logRead: ({ caller, request }) => readLog(services, caller, request),
    welcomeList: async ({ caller }) => ({ welcomes: withinScope(caller, await listWelcomes(read, caller.deviceId)) }),
    welcomeRead: ({ caller, request }) => readWelcome(read, caller.deviceId, request.welcomeId),
  }
}
