/**
 * Where a device wants to be rung: one address for each device, encrypted in the database.
 */
import type { Nothing, PushSubscription } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { requirePushService } from './push-services.js'

/** Keeps the device's address in place of an earlier one. @throws ProtocolError `protocol.push.refused` */
export const subscribe = async (
  services: Services, caller: AuthenticatedDevice, { request: { endpoint }, more }: { readonly request: PushSubscription; readonly more: readonly string[] },
): Promise<Nothing> => {
  requirePushService(endpoint, more)
  await services.database.write.write(async (store) => {
    await store.deleteFrom('push_subscriptions').where('device_id', '=', caller.deviceId).execute()
    await store.insertInto('push_subscriptions').values({ device_id: caller.deviceId, endpoint, created_at_ms: services.clock.nowMs() }).execute()
  })
  return {}
}

/** Forgets the device's address. */
export const unsubscribe = async (services: Services, caller: AuthenticatedDevice): Promise<Nothing> => {
  await services.database.write.write((store) => store.deleteFrom('push_subscriptions').where('device_id', '=', caller.deviceId).execute())
  return {}
}
