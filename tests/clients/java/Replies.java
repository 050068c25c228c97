package ticketbridge;

import java.util.UUID;
import org.bukkit.entity.Player;
import org.bukkit.event.player.PlayerJoinEvent;
import org.bukkit.plugin.java.JavaPlugin;

/**
 * Runs the example plugin that shows replies. "arrive" waits until an event was kept, "join" lets Notch join, "stay"
 * has him there before.
 */
public class Replies {
    record Notch(UUID getUniqueId, String getName) implements Player {
        @Override
        public void sendMessage(String text) { System.out.println(text); }
    }

    public static void main(String[] args) throws Exception {
        var notch = new Notch(UUID.fromString("550e8400-e29b-41d4-a716-446655440000"), "Notch");
        var plugin = new ShowReplies();
        plugin.onEnable();
        for (String step : args) {
            switch (step) {
                case "stay" -> JavaPlugin.PRESENT.put(notch.getUniqueId(), notch);
                case "arrive" -> JavaPlugin.MAIN_THREAD.take().run();
                default -> plugin.onJoin(new PlayerJoinEvent(notch));
            }
            System.out.println(step);
        }
        plugin.onDisable();
    }
}
