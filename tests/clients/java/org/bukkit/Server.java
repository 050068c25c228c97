package org.bukkit;

import java.util.UUID;
import org.bukkit.entity.Player;
import org.bukkit.plugin.PluginManager;
import org.bukkit.scheduler.BukkitScheduler;

public interface Server {
    BukkitScheduler getScheduler();

    PluginManager getPluginManager();

    Player getPlayer(UUID uuid);
}
